using System.Text.Json;
using Latchwork.Cli.Commands;
using Latchwork.Cli.Output;
using Latchwork.Monitoring;

namespace Latchwork.Cli.Watching;

/// <summary>A namespace as lines and as JSON.</summary>
internal static class NamespaceScreen
{
    private const int BarWidth = 40;

    public static IEnumerable<ScreenLine> Lines(NamespaceView view, string ns)
    {
        foreach (ScreenLine line in StoreScreen.Lines(view.Store)) yield return line;
        if (view.Row is not { } row)
        {
            yield return new(Printable.OneLine($"there is no namespace '{ns}'"), Severity.Warning);
            yield break;
        }

        string problems = string.Join(", ", row.Describe());
        yield return new(Printable.OneLine($"{row.Namespace}: {(problems.Length > 0 ? problems : row.Stats is null ? "not read yet" : "fine")}"), row.Severity);
        if (row.Refusal is { } refusal) yield return new(Printable.OneLine(refusal), Severity.Critical);
        if (row.Stats is not { } stats) yield break;
        if (stats.Pause is { } pause) yield return new(Printable.OneLine($"paused {PauseCommands.Describe(pause)}"), Severity.Notice);
        string late = stats.OldestOverdue is { } oldest ? $" (the oldest is overdue by {Printable.Duration(oldest)})" : "";
        yield return new($"scheduled     {Printable.Count(stats.Scheduled)}{late}");
        yield return new($"in flight     {Printable.Count(stats.InFlight)}");
        yield return new($"dead letters  {Printable.Count(stats.DeadLetters)}{(row.DeadLettersGrownBy > 0 ? $" (+{Printable.Count(row.DeadLettersGrownBy)} in the last minutes)" : "")}");
        yield return new($"last minute   {Printable.Count(row.Rates.Delivered)} delivered, {Printable.Count(row.Rates.Confirmed)} confirmed, {Printable.Count(row.Rates.Failed)} failed, {Printable.Count(row.Rates.DeadLettered)} dead-lettered");
        foreach (DueWindow window in view.Windows)
        {
            int length = (int)(window.Count * BarWidth / StoreMonitor.MaxCounted);
            string bar = new('#', window.Count > 0 ? Math.Max(1, length) : 0);
            yield return new($"{window.Name,-13} {$"{window.Count}{(window.IsMore ? "+" : "")}",5} {bar}".TrimEnd());
        }

        if (row.Nodes.Count == 0) yield return new("nobody listens", row.Severity);
        foreach (TimerNode node in row.Nodes)
        {
            yield return new(
                $"{Printable.OneLine(node.NodeId)}  {Names.Of(node.State)}, {Printable.Count(node.InFlight)} in flight, seen {Printable.Duration(node.LastSeen)} ago",
                node.State == TimerNodeState.Silent ? Severity.Warning : Severity.Fine);
        }
    }

    public static void Write(Utf8JsonWriter json, NamespaceView view)
    {
        StoreScreen.Write(json, view.Store);
        if (view.Row is not { } row) return;
        OverviewScreen.WriteRow(json, row);
        json.WriteStartArray("due");
        foreach (DueWindow window in view.Windows)
        {
            json.WriteStartObject();
            json.WriteString("window", window.Name);
            json.WriteNumber("count", window.Count);
            json.WriteBoolean("more", window.IsMore);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("nodes");
        foreach (TimerNode node in row.Nodes)
        {
            json.WriteStartObject();
            json.WriteString("node", node.NodeId);
            json.WriteString("state", Names.Of(node.State));
            json.WriteNumber("inFlight", node.InFlight);
            json.WriteNumber("lastSeenMs", SnapshotOutput.Milliseconds(node.LastSeen));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
