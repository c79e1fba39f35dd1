namespace Latchwork.Cli.Output;

/// <summary>The names of enum values in JSON and on the command line. They are part of the tool's contract, so they stand here in full.</summary>
internal static class Names
{
    public static readonly IReadOnlyDictionary<string, IfExists> IfExists = new Dictionary<string, IfExists>(StringComparer.OrdinalIgnoreCase)
    {
        ["replace"] = Latchwork.IfExists.Replace,
        ["fail"] = Latchwork.IfExists.Fail,
        ["keep"] = Latchwork.IfExists.Keep,
    };

    public static readonly IReadOnlyDictionary<string, DeadLetterReason> DeadLetterReasons = new Dictionary<string, DeadLetterReason>(StringComparer.OrdinalIgnoreCase)
    {
        ["retriesExhausted"] = DeadLetterReason.RetriesExhausted,
        ["leaseExpired"] = DeadLetterReason.LeaseExpired,
        ["rejected"] = DeadLetterReason.Rejected,
        ["deserializationFailed"] = DeadLetterReason.DeserializationFailed,
        ["recordDamaged"] = DeadLetterReason.RecordDamaged,
    };

    public static readonly IReadOnlyDictionary<string, MisfirePolicy> Misfires = new Dictionary<string, MisfirePolicy>(StringComparer.OrdinalIgnoreCase)
    {
        ["latest"] = MisfirePolicy.Latest,
        ["skip"] = MisfirePolicy.Skip,
        ["all"] = MisfirePolicy.All,
    };

    public static readonly IReadOnlyDictionary<string, OverlapPolicy> Overlaps = new Dictionary<string, OverlapPolicy>(StringComparer.OrdinalIgnoreCase)
    {
        ["skip"] = OverlapPolicy.Skip,
        ["queue"] = OverlapPolicy.Queue,
        ["allow"] = OverlapPolicy.Allow,
    };

    public static string Of(MisfirePolicy policy) => Misfires.FirstOrDefault(one => one.Value == policy).Key ?? policy.ToString();

    public static string Of(OverlapPolicy policy) => Overlaps.FirstOrDefault(one => one.Value == policy).Key ?? policy.ToString();

    public static string Of(ScheduleOutcome outcome) => outcome switch
    {
        ScheduleOutcome.Created => "created",
        ScheduleOutcome.Updated => "updated",
        ScheduleOutcome.Unchanged => "unchanged",
        ScheduleOutcome.Outdated => "outdated",
        _ => outcome.ToString(),
    };

    public static string Of(TriggerOutcome outcome) => outcome switch
    {
        TriggerOutcome.Triggered => "triggered",
        TriggerOutcome.Queued => "queued",
        TriggerOutcome.Skipped => "skipped",
        TriggerOutcome.NotFound => "notFound",
        _ => outcome.ToString(),
    };

    public static string Of(OccurrenceOutcome outcome) => outcome switch
    {
        OccurrenceOutcome.Waiting => "waiting",
        OccurrenceOutcome.Running => "running",
        OccurrenceOutcome.Succeeded => "succeeded",
        OccurrenceOutcome.DeadLettered => "deadLettered",
        OccurrenceOutcome.Cancelled => "cancelled",
        OccurrenceOutcome.Missed => "missed",
        OccurrenceOutcome.Overlapped => "overlapped",
        OccurrenceOutcome.Replaced => "replaced",
        OccurrenceOutcome.Paused => "paused",
        OccurrenceOutcome.Ended => "ended",
        _ => outcome.ToString(),
    };

    public static string Of(PostOutcome outcome) => outcome switch
    {
        PostOutcome.Created => "created",
        PostOutcome.Replaced => "replaced",
        PostOutcome.Kept => "kept",
        PostOutcome.Exists => "exists",
        _ => outcome.ToString(),
    };

    public static string Of(TimerOutcome outcome) => outcome switch
    {
        TimerOutcome.Done => "done",
        TimerOutcome.NotFound => "notFound",
        TimerOutcome.InFlight => "inFlight",
        TimerOutcome.Stale => "stale",
        TimerOutcome.DeadLettered => "deadLettered",
        _ => outcome.ToString(),
    };

    public static string Of(TimerState state) => state switch
    {
        TimerState.Scheduled => "scheduled",
        TimerState.InFlight => "inFlight",
        TimerState.DeadLettered => "deadLettered",
        TimerState.Completed => "completed",
        _ => state.ToString(),
    };

    public static string Of(CompletedOutcome outcome) => outcome switch
    {
        CompletedOutcome.Succeeded => "succeeded",
        CompletedOutcome.Delivered => "delivered",
        _ => outcome.ToString(),
    };

    public static string Of(TimerNodeState state) => state switch
    {
        TimerNodeState.Listening => "listening",
        TimerNodeState.Full => "full",
        TimerNodeState.Silent => "silent",
        _ => state.ToString(),
    };

    public static string Of(DeadLetterReason reason)
    {
        foreach ((string name, DeadLetterReason value) in DeadLetterReasons)
        {
            if (value == reason) return name;
        }

        return reason.ToString();
    }
}
