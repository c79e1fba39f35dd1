namespace Latchwork.StoreConformance.Timers;

/// <summary>An event of the model.</summary>
public sealed class ModelEvent(string id, byte[] payload, int maxRetries)
{
    public string Id { get; } = id;

    public byte[] Payload { get; } = payload;

    public int MaxRetries { get; } = maxRetries;

    public int Retries { get; set; }

    public int Interruptions { get; set; }

    public TimerState State { get; set; }

    /// <summary>Scheduled: when it is due; in flight: when its lease ends; dead: since when.</summary>
    public DateTimeOffset At { get; set; }

    /// <summary>When it is due, or was when it was claimed.</summary>
    public DateTimeOffset Due { get; set; }

    /// <summary>Of an absolute time: what was asked for, by the server's clock; null: a delay or a backoff.</summary>
    public DateTimeOffset? Raw { get; set; }

    /// <summary>Of an occurrence of a schedule: when it was claimed for the first time.</summary>
    public DateTimeOffset? FirstClaimed { get; set; }

    /// <summary>In flight: since when.</summary>
    public DateTimeOffset ClaimedAt { get; set; }

    public string? Token { get; set; }

    public string? NodeId { get; set; }

    public DeadLetterReason? Reason { get; set; }

    public IReadOnlyList<AttemptFailure> Failures { get; set; } = [];

    public void Schedule(DateTimeOffset due, DateTimeOffset? raw = null) => (State, At, Due, Raw, Token, NodeId, Reason) = (TimerState.Scheduled, due, due, raw, null, null, null);
}
