using System.Text.Json;

namespace Latchwork.Cli.Output;

/// <summary>An event as it is shown by peek, upcoming, completed and the dead letters.</summary>
internal static class SnapshotOutput
{
    public static void WriteSnapshot(this Utf8JsonWriter json, TimerSnapshot snapshot)
    {
        json.WriteString("id", snapshot.Id);
        json.WriteString("state", Names.Of(snapshot.State));
        json.WriteNumber("dueInMs", Milliseconds(snapshot.TimeLeft));
        json.WriteNumber("retries", snapshot.Retries);
        json.WriteNumber("maxRetries", snapshot.MaxRetries);
        if (snapshot.Interruptions > 0) json.WriteNumber("interruptions", snapshot.Interruptions);
        if (snapshot.State != TimerState.Completed) json.WriteData(snapshot.Payload);
        json.WriteString("due", snapshot.Due.UtcDateTime);
        if (snapshot.NodeId is { } node) json.WriteString("node", node);
        if (snapshot.Token is { } token) json.WriteString("token", token);
        if (snapshot.ClaimedAt is { } claimedAt) json.WriteString("claimedAt", claimedAt.UtcDateTime);
        if (snapshot.HasBegun is { } begun) json.WriteBoolean("begun", begun);
        if (snapshot.LeaseLeft is { } lease) json.WriteNumber("leaseLeftMs", Milliseconds(lease));
        if (snapshot.DeadLetterReason is { } reason) json.WriteString("reason", Names.Of(reason));
        if (snapshot.DeadLetteredAt is { } deadLetteredAt) json.WriteString("deadLetteredAt", deadLetteredAt.UtcDateTime);
        if (snapshot.CompletedAt is { } completedAt) json.WriteString("completedAt", completedAt.UtcDateTime);
        if (snapshot.Outcome is { } outcome) json.WriteString("outcome", Names.Of(outcome));
        if (snapshot.Headers.Count > 0)
        {
            json.WriteStartObject("headers");
            foreach ((string name, string value) in snapshot.Headers) json.WriteString(name, value);
            json.WriteEndObject();
        }

        if (snapshot.Failures.Count > 0)
        {
            json.WriteStartArray("failures");
            foreach (AttemptFailure failure in snapshot.Failures) Write(json, failure);
            json.WriteEndArray();
        }
    }

    /// <summary>Whole milliseconds, rounded up, so that a caller who waits for them does not come too early.</summary>
    public static long Milliseconds(TimeSpan span) => (span.Ticks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond;

    public static string Retries(TimerSnapshot snapshot) => $"{snapshot.Retries}/{snapshot.MaxRetries}";

    private static void Write(Utf8JsonWriter json, AttemptFailure failure)
    {
        json.WriteStartObject();
        json.WriteNumber("attempt", failure.Attempt);
        json.WriteString("node", failure.NodeId);
        json.WriteString("at", failure.At.UtcDateTime);
        json.WriteString("error", failure.Error);
        json.WriteEndObject();
    }
}
