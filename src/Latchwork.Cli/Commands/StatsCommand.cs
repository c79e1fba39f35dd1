using System.CommandLine;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer stats</c></summary>
internal static class StatsCommand
{
    public static Command Create(CommandHost host)
    {
        var command = new Command("stats", "Count the events by state.");
        host.OnRun(command, async (_, session) =>
        {
            TimerStats stats = await session.Timer.GetStatsAsync(session.Stop).ConfigureAwait(false);
            session.Printer.Json(json =>
            {
                json.WriteString("namespace", session.Timer.Namespace);
                json.WriteNumber("scheduled", stats.Scheduled);
                json.WriteNumber("inFlight", stats.InFlight);
                json.WriteNumber("deadLetters", stats.DeadLetters);
                json.WriteNumber("deadLettersEvicted", stats.DeadLettersEvicted);
                if (stats.OldestOverdue is { } overdue) json.WriteNumber("oldestOverdueMs", SnapshotOutput.Milliseconds(overdue));
                else json.WriteNull("oldestOverdueMs");
            });
            string overdueFor = stats.OldestOverdue is { } oldest ? $" (the oldest is overdue by {Printable.Duration(oldest)})" : "";
            string trimmed = stats.DeadLettersEvicted > 0 ? $" ({Printable.Count(stats.DeadLettersEvicted)} more were evicted)" : "";
            session.Printer.Text($"namespace     {Printable.OneLine(session.Timer.Namespace)}");
            session.Printer.Text($"scheduled     {Printable.Count(stats.Scheduled)}{overdueFor}");
            session.Printer.Text($"in flight     {Printable.Count(stats.InFlight)}");
            session.Printer.Text($"dead letters  {Printable.Count(stats.DeadLetters)}{trimmed}");
            return ExitCodes.Done;
        });
        return command;
    }
}
