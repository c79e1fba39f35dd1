using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary>Reports the answer to an operation on one event, and turns it into an exit code.</summary>
internal static class Outcomes
{
    /// <summary>What is said of an id that there is not.</summary>
    public const string NotFound = "not found ('timer upcoming' lists what is scheduled, 'timer dead-letters list' what was given up)";

    /// <summary>Writes <c>{"id","outcome"}</c>, or a sentence; what was not done is a failure.</summary>
    /// <param name="printer">Where to.</param>
    /// <param name="id">The event.</param>
    /// <param name="outcome">The answer.</param>
    /// <param name="done">What to tell people if it was done.</param>
    /// <returns>The exit code.</returns>
    public static int Report(Printer printer, string id, TimerOutcome outcome, string done)
    {
        WriteJson(printer, id, Names.Of(outcome));
        if (outcome == TimerOutcome.Done)
        {
            printer.Text(Printable.OneLine($"{id}: {done}"));
            return ExitCodes.Done;
        }

        printer.Fail($"{id}: {Explain(outcome)}");
        return outcome == TimerOutcome.NotFound ? ExitCodes.NotFound : ExitCodes.Conflict;
    }

    /// <summary>When something is due, of which exactly one is given.</summary>
    public static Due DueOf(TimeSpan? delay, DateTimeOffset? moment) => moment is { } at ? at : delay!.Value;

    /// <summary>The same for people.</summary>
    public static string Describe(TimeSpan? delay, DateTimeOffset? moment) =>
        moment is { } at ? $"due at {Printable.Moment(at)}" : $"due in {Printable.Duration(delay!.Value)}";

    public static void WriteJson(Printer printer, string id, string outcome) => printer.Json(json =>
    {
        json.WriteString("id", id);
        json.WriteString("outcome", outcome);
    });

    private static string Explain(TimerOutcome outcome) => outcome switch
    {
        TimerOutcome.NotFound => NotFound,
        TimerOutcome.InFlight => "in flight: a node is handling it, and nothing was changed ('timer cancel --revoke' takes it from the node)",
        TimerOutcome.Stale => "the token is stale: the lease was lost or the event replaced, and nothing was changed ('timer peek' shows the present token)",
        TimerOutcome.DeadLettered => "dead-lettered, and nothing was changed ('timer dead-letters requeue' schedules it again)",
        _ => outcome.ToString(),
    };
}
