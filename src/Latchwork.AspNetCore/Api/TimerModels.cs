using System.Text.Json;

namespace Latchwork.Api;

/// <summary>An event to post.</summary>
internal record PostedEvent
{
    public string? Id { get; init; }

    public string? Delay { get; init; }

    public string? Due { get; init; }

    public JsonElement Data { get; init; }

    public string? DataBase64 { get; init; }

    public int? MaxRetries { get; init; }

    public string? IfExists { get; init; }

    public Dictionary<string, string>? Headers { get; init; }
}

internal sealed record PostBody : PostedEvent
{
    public string? Namespace { get; init; }
}

internal sealed record PostManyBody(string? Namespace, IReadOnlyList<PostedEvent>? Events);

internal sealed record PostAnswer(string Id, string Outcome);

/// <summary>What is known of an event of a batch that failed in part; the id is null if none was given, and the event is not known to be posted.</summary>
internal sealed record PostManyItem(string? Id, string Outcome);

internal sealed record PostManyAnswer(IReadOnlyList<PostAnswer> Events);

internal sealed record CancelBody(string? Namespace, string? Id, bool Revoke = false);

internal sealed record ChangeDelayBody(string? Namespace, string? Id, string? Delay, string? Due);

internal sealed record OutcomeAnswer(string Id, string Outcome);

internal sealed record NamespacesAnswer(IReadOnlyList<string> Namespaces);

internal sealed record StatsAnswer(string Namespace, long Scheduled, long InFlight, long DeadLetters, long DeadLettersEvicted, long? OldestOverdueMs, PauseAnswer? Pause, CountersAnswer Counters);

/// <summary>What has happened: in all, and in each minute of the last hour and each hour of the last two days in which something did.</summary>
internal sealed record CountersAnswer(CountsAnswer Totals, IReadOnlyList<BucketAnswer> Minutes, IReadOnlyList<BucketAnswer> Hours)
{
    public static CountersAnswer Of(TimerCounters counters) => new(CountsAnswer.Of(counters.Totals), BucketAnswer.Of(counters.Minutes), BucketAnswer.Of(counters.Hours));
}

internal sealed record BucketAnswer(DateTimeOffset Start, CountsAnswer Counts)
{
    public static BucketAnswer[] Of(IReadOnlyList<TimerCountsBucket> buckets) =>
        [.. buckets.Where(static bucket => bucket.Counts != TimerCounts.Zero).Select(static bucket => new BucketAnswer(bucket.Start, CountsAnswer.Of(bucket.Counts)))];
}

internal sealed record CountsAnswer(
    long Posted, long Replaced, long Cancelled, long Delivered, long Confirmed, long Failed, long HandedBack, long ExpiredLeases, IReadOnlyDictionary<string, long> DeadLettered)
{
    public static CountsAnswer Of(TimerCounts counts) => new(
        counts.Posted, counts.Replaced, counts.Cancelled, counts.Delivered, counts.Confirmed, counts.Failed, counts.HandedBack, counts.ExpiredLeases,
        Enum.GetValues<DeadLetterReason>().ToDictionary(Words.Of, counts.DeadLetteredFor));
}

internal sealed record NodeAnswer(string NodeId, string State, int InFlight, long LastSeenMs);

internal sealed record NodesAnswer(IReadOnlyList<NodeAnswer> Nodes);

internal sealed record PauseBody(string? Namespace, string? Reason, string? By);

internal sealed record NamespaceBody(string? Namespace);

internal sealed record PauseAnswer(DateTimeOffset Since, string By, string Reason)
{
    public static PauseAnswer? Of(TimerPause? pause) => pause is null ? null : new PauseAnswer(pause.Since, pause.By, pause.Reason);
}

internal sealed record ResumeAnswer(PauseAnswer? Ended);

internal sealed record FailureAnswer(int Attempt, string NodeId, DateTimeOffset At, string? Error);

internal sealed record EventsAnswer(IReadOnlyList<EventAnswer> Items, string? Cursor);

/// <summary>An event as it is shown. What a user may not see of it is left out, and <c>PayloadIsHidden</c> says so.</summary>
internal sealed record EventAnswer
{
    public required string Id { get; init; }

    public required string State { get; init; }

    public required DateTimeOffset Due { get; init; }

    public required long DueInMs { get; init; }

    public required int Retries { get; init; }

    public required int MaxRetries { get; init; }

    public int? Interruptions { get; init; }

    public JsonElement? Data { get; init; }

    public string? DataBase64 { get; init; }

    public bool? PayloadIsHidden { get; init; }

    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    public string? NodeId { get; init; }

    public DateTimeOffset? ClaimedAt { get; init; }

    public bool? HasBegun { get; init; }

    public string? Token { get; init; }

    public long? LeaseLeftMs { get; init; }

    public bool? IsDamaged { get; init; }

    public string? Reason { get; init; }

    public DateTimeOffset? DeadLetteredAt { get; init; }

    public DateTimeOffset? CompletedAt { get; init; }

    public string? Outcome { get; init; }

    public IReadOnlyList<FailureAnswer>? Failures { get; init; }

    /// <param name="snapshot">The event.</param>
    /// <param name="isOpen">Whether payloads may be seen.</param>
    /// <param name="showsToken">Whether the token of a live delivery may be seen: whoever has it can end the delivery.</param>
    public static EventAnswer Of(TimerSnapshot snapshot, bool isOpen, bool showsToken)
    {
        (JsonElement? data, string? base64) = isOpen && snapshot.State != TimerState.Completed ? ApiJson.Show(snapshot.Payload) : (null, null);
        return new EventAnswer
        {
            Id = snapshot.Id,
            State = Words.Of(snapshot.State),
            Due = snapshot.Due,
            DueInMs = Read.Milliseconds(snapshot.TimeLeft),
            Retries = snapshot.Retries,
            MaxRetries = snapshot.MaxRetries,
            Interruptions = snapshot.Interruptions > 0 ? snapshot.Interruptions : null,
            Data = data,
            DataBase64 = base64,
            PayloadIsHidden = isOpen || snapshot.State == TimerState.Completed ? null : true,
            Headers = isOpen && snapshot.Headers.Count > 0 ? snapshot.Headers : null,
            NodeId = snapshot.NodeId,
            ClaimedAt = snapshot.ClaimedAt,
            HasBegun = snapshot.HasBegun,
            Token = showsToken ? snapshot.Token : null,
            LeaseLeftMs = snapshot.LeaseLeft is { } left ? Read.Milliseconds(left) : null,
            IsDamaged = snapshot.IsDamaged ? true : null,
            Reason = snapshot.DeadLetterReason is { } reason ? Words.Of(reason) : null,
            DeadLetteredAt = snapshot.DeadLetteredAt,
            CompletedAt = snapshot.CompletedAt,
            Outcome = snapshot.Outcome is { } outcome ? Words.Of(outcome) : null,
            Failures = snapshot.Failures.Count == 0
                ? null
                : [.. snapshot.Failures.Select(failure => new FailureAnswer(failure.Attempt, failure.NodeId, failure.At, isOpen ? failure.Error : null))],
        };
    }
}
