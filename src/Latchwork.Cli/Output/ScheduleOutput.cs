using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Latchwork.Cli.Output;

/// <summary>Schedules for programs and for people.</summary>
internal static class ScheduleOutput
{
    public static void WriteSchedule(this Utf8JsonWriter json, ScheduleSnapshot snapshot, bool withHistory)
    {
        json.WriteString("id", snapshot.Id);
        if (snapshot.Schedule is { Expression: { } expression } cron)
        {
            json.WriteString("cron", expression);
            json.WriteString("zone", cron.ZoneId);
        }
        else if (snapshot.Schedule is { Interval: { } interval } rhythm)
        {
            json.WriteNumber("everyMs", SnapshotOutput.Milliseconds(interval));
            json.WriteString("anchor", rhythm.Anchor!.Value.UtcDateTime);
        }

        if (snapshot.Damage is { } damage) json.WriteString("damage", damage);
        json.WriteBoolean("paused", snapshot.IsPaused);
        json.WriteBoolean("declared", snapshot.IsDeclared);
        if (snapshot.Next is { } next) json.WriteString("next", next.UtcDateTime);
        if (snapshot.NextState is { } state) json.WriteString("nextState", Names.Of(state));
        if (snapshot.QueuedId is { } queued) json.WriteString("queued", queued);
        if (snapshot.Options is { } options)
        {
            json.WriteNumber("revision", options.Revision);
            json.WriteString("misfire", Names.Of(options.Misfire));
            json.WriteString("overlap", Names.Of(options.Overlap));
            json.WriteNumber("maxRetries", options.MaxRetries ?? 0);
            json.WriteNumber("jitterMs", SnapshotOutput.Milliseconds(options.Jitter));
        }

        json.WriteNumber("started", snapshot.Started);
        json.WriteNumber("missed", snapshot.Missed);
        json.WriteNumber("skipped", snapshot.Skipped);
        json.WriteNumber("replaced", snapshot.Replaced);
        if (!withHistory) return;
        json.WriteStartArray("history");
        foreach (ScheduleOccurrence one in snapshot.History)
        {
            json.WriteStartObject();
            json.WriteString("id", one.Id);
            json.WriteString("scheduledFor", one.ScheduledFor.UtcDateTime);
            if (one.StartedAt is { } started) json.WriteString("startedAt", started.UtcDateTime);
            if (one.EndedAt is { } ended) json.WriteString("endedAt", ended.UtcDateTime);
            json.WriteString("outcome", Names.Of(one.Outcome));
            if (one.NodeId is { } node) json.WriteString("node", node);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    public static string Next(ScheduleSnapshot snapshot) =>
        snapshot.IsPaused ? "paused" : snapshot.Next is { } next ? Printable.Moment(next) : "none";

    /// <summary>A schedule and its last occurrences, for people.</summary>
    public static string Describe(ScheduleSnapshot snapshot)
    {
        var text = new StringBuilder();
        Line("id", snapshot.Id);
        Line("schedule", snapshot.Schedule?.ToString() ?? $"damaged: {snapshot.Damage}");
        Line("next", Next(snapshot));
        if (snapshot.Options is { } options)
        {
            Line("policies", $"misfire {Names.Of(options.Misfire)}, overlap {Names.Of(options.Overlap)}, {options.MaxRetries ?? 0} retries, revision {options.Revision}");
        }

        Line("counts", $"{snapshot.Started} started, {snapshot.Missed} missed, {snapshot.Skipped} skipped, {snapshot.Replaced} replaced");
        if (snapshot.QueuedId is not null) Line("waits", "one occurrence, for the end of another");
        Line("data", Printable.Payload(snapshot.Payload.Span));
        foreach (ScheduleOccurrence one in snapshot.History)
        {
            string took = one.StartedAt is not { } started ? ""
                : $", started {Printable.Moment(started)}{(one.EndedAt is { } ended ? $", took {Printable.Duration(ended - started)}" : "")}";
            Line("", $"{Printable.Moment(one.ScheduledFor)}  {Names.Of(one.Outcome)}{took}{(one.NodeId is { } node ? $" on {node}" : "")}");
        }

        return text.ToString().TrimEnd('\n');

        void Line(string name, string value) => text.Append(CultureInfo.InvariantCulture, $"{name,-10}{Printable.OneLine(value)}\n");
    }
}
