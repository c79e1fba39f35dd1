using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary>Reports the answer to an operation on one event, and turns it into an exit code.</summary>
internal static class Outcomes
{
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

    public static void WriteJson(Printer printer, string id, string outcome) => printer.Json(json =>
    {
        json.WriteString("id", id);
        json.WriteString("outcome", outcome);
    });

    private static string Explain(TimerOutcome outcome) => outcome switch
    {
        TimerOutcome.NotFound => "not found",
        TimerOutcome.InFlight => "in flight: a node is handling it, and nothing was changed",
        TimerOutcome.Stale => "the token is stale: the lease was lost or the event replaced, and nothing was changed",
        TimerOutcome.DeadLettered => "dead-lettered, and nothing was changed (see 'timer dead-letters')",
        _ => outcome.ToString(),
    };
}
