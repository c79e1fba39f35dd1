using System.CommandLine;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer peek ID</c></summary>
internal static class PeekCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> id = Options.IdArgument();
        var command = new Command("peek", "Show an event: its state, when it is due, its data.") { id };
        host.OnLook(command, (parsed, session) => RunAsync(session, parsed.GetRequiredValue(id)));
        return command;
    }

    private static async Task<int> RunAsync(TimerSession session, string id)
    {
        TimerSnapshot? snapshot = await session.Timer.PeekAsync(id, session.Stop).ConfigureAwait(false);
        if (snapshot is null)
        {
            session.Printer.Fail($"{id}: {Outcomes.NotFound}");
            return ExitCodes.NotFound;
        }

        session.Printer.Json(json => json.WriteSnapshot(snapshot));
        foreach (string line in Describe(snapshot)) session.Printer.Text(line);
        return ExitCodes.Done;
    }

    private static IEnumerable<string> Describe(TimerSnapshot snapshot)
    {
        yield return $"id        {Printable.OneLine(snapshot.Id)}";
        yield return $"state     {State(snapshot)}";
        yield return $"due       {Printable.Moment(snapshot.Due)}{(snapshot.State == TimerState.Scheduled ? DueIn(snapshot) : "")}";
        yield return $"retries   {snapshot.Retries} of {snapshot.MaxRetries}{(snapshot.Interruptions > 0 ? $", interrupted {snapshot.Interruptions} times" : "")}";
        if (snapshot is { State: TimerState.Completed, ClaimedAt: { } claimedAt }) yield return $"claimed   {Printable.Moment(claimedAt)}";
        foreach ((string name, string value) in snapshot.Headers) yield return Printable.OneLine($"header    {name}: {value}");
        if (snapshot.Token is { } token) yield return $"token     {token}";
        if (snapshot.State != TimerState.Completed) yield return $"data      {Printable.Payload(snapshot.Payload.Span)}";
        foreach (AttemptFailure failure in snapshot.Failures)
        {
            yield return Printable.OneLine($"failure   attempt {failure.Attempt} on {failure.NodeId}, {Printable.Moment(failure.At)}: {failure.Error}");
        }
    }

    private static string State(TimerSnapshot snapshot) => snapshot.State switch
    {
        TimerState.InFlight => Printable.OneLine($"in flight on {snapshot.NodeId}, lease {Printable.Duration(snapshot.LeaseLeft ?? TimeSpan.Zero)}"),
        TimerState.DeadLettered => $"dead-lettered since {Printable.Moment(snapshot.DeadLetteredAt ?? snapshot.Due)} ({(snapshot.DeadLetterReason is { } reason ? Names.Of(reason) : "unknown")})",
        TimerState.Completed => Printable.OneLine(
            $"completed at {Printable.Moment(snapshot.CompletedAt ?? snapshot.Due)} on {snapshot.NodeId} ({(snapshot.Outcome is { } outcome ? Names.Of(outcome) : "unknown")})"),
        _ => "scheduled",
    };

    private static string DueIn(TimerSnapshot snapshot) =>
        snapshot.TimeLeft > TimeSpan.Zero ? $" (in {Printable.Duration(snapshot.TimeLeft)})" : " (now)";
}
