using System.CommandLine;
using System.Text.Json;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer stats [--all]</c></summary>
internal static class StatsCommand
{
    public static Command Create(CommandHost host)
    {
        var all = new Option<bool>("--all") { Description = "Those of every namespace of the store, one a line." };
        var command = new Command("stats", "Count the events by state, and what has happened to them.") { all };
        command.Validators.Add(result =>
        {
            if (result.GetValue(all) && result.GetValue(host.Globals.Namespace) is not null) result.AddError("Give --all or --namespace, not both.");
        });
        host.OnLook(
            command,
            async (parsed, session) =>
            {
                await (parsed.GetValue(all) ? ShowAllAsync(session) : ShowAsync(session)).ConfigureAwait(false);
                return ExitCodes.Done;
            },
            ofAllNamespaces: parsed => parsed.GetValue(all));
        return command;
    }

    private static async Task ShowAsync(TimerSession session)
    {
        TimerStats stats = await session.Timer.GetStatsAsync(session.Stop).ConfigureAwait(false);
        session.Printer.Json(json =>
        {
            Write(json, session.Timer.Namespace, stats);
            CountersOutput.Write(json, stats.Counters);
        });
        string overdueFor = stats.OldestOverdue is { } oldest ? $" (the oldest is overdue by {Printable.Duration(oldest)})" : "";
        string trimmed = stats.DeadLettersEvicted > 0 ? $" ({Printable.Count(stats.DeadLettersEvicted)} more were evicted)" : "";
        session.Printer.Text($"namespace     {Printable.OneLine(session.Timer.Namespace)}");
        session.Printer.Text($"scheduled     {Printable.Count(stats.Scheduled)}{overdueFor}");
        session.Printer.Text($"in flight     {Printable.Count(stats.InFlight)}");
        session.Printer.Text($"dead letters  {Printable.Count(stats.DeadLetters)}{trimmed}");
        if (stats.Pause is { } pause) session.Printer.Text(Printable.OneLine($"paused        {PauseCommands.Describe(pause)}"));
        CountersOutput.Print(session.Printer, stats.Counters);
    }

    private static async Task ShowAllAsync(TimerSession session)
    {
        var rows = new RowPrinter(
            session.Printer,
            new("NAMESPACE"), new("SCHEDULED", Right: true), new("IN FLIGHT", Right: true), new("DEAD LETTERS", Right: true), new("EVICTED", Right: true), new("OLDEST OVERDUE", Right: true), new("PAUSED"));
        foreach (string ns in await session.Store.Timers.NamespacesAsync(session.Stop).ConfigureAwait(false))
        {
            if (await OfEachNamespace.AskAsync(session, ns, timer => timer.GetStatsAsync(session.Stop)).ConfigureAwait(false) is not { } stats) continue;
            session.Printer.Json(json => Write(json, ns, stats));
            rows.Add(
                Printable.OneLine(ns),
                Printable.Count(stats.Scheduled),
                Printable.Count(stats.InFlight),
                Printable.Count(stats.DeadLetters),
                Printable.Count(stats.DeadLettersEvicted),
                stats.OldestOverdue is { } oldest ? Printable.Duration(oldest) : "",
                stats.Pause is { } pause ? Printable.OneLine(PauseCommands.Describe(pause)) : "");
        }

        rows.Flush(ifEmpty: "there are no namespaces yet");
    }

    private static void Write(Utf8JsonWriter json, string ns, TimerStats stats)
    {
        json.WriteString("namespace", ns);
        WriteCounts(json, stats);
    }

    /// <summary>Writes the counts of a namespace, its oldest overdue event and its pause.</summary>
    public static void WriteCounts(Utf8JsonWriter json, TimerStats stats)
    {
        json.WriteNumber("scheduled", stats.Scheduled);
        json.WriteNumber("inFlight", stats.InFlight);
        json.WriteNumber("deadLetters", stats.DeadLetters);
        json.WriteNumber("deadLettersEvicted", stats.DeadLettersEvicted);
        if (stats.OldestOverdue is { } overdue) json.WriteNumber("oldestOverdueMs", SnapshotOutput.Milliseconds(overdue));
        else json.WriteNull("oldestOverdueMs");
        PauseCommands.Write(json, stats.Pause);
    }
}
