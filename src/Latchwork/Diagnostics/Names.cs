using System.Diagnostics;

namespace Latchwork.Diagnostics;

/// <summary>The attributes of metrics and spans.</summary>
internal static class Names
{
    public const string System = "messaging.system";
    public const string Destination = "messaging.destination.name";
    public const string OperationName = "messaging.operation.name";
    public const string OperationType = "messaging.operation.type";
    public const string MessageId = "messaging.message.id";
    public const string BatchCount = "messaging.batch.message_count";
    public const string ErrorType = "error.type";

    public const string Outcome = "latchwork.outcome";
    public const string Reason = "latchwork.reason";
    public const string Retries = "latchwork.timer.retry";
    public const string LockNamespace = "latchwork.lock.namespace";
    public const string FencingToken = "latchwork.lock.fencing_token";
    public const string Store = "latchwork.store";
    public const string StoreOperation = "latchwork.store.operation";

    /// <summary>The value of <see cref="System"/>.</summary>
    public const string Latchwork = "latchwork";

    /// <summary>What every metric of timers carries.</summary>
    public static TagList OfTimer(string ns, string operation) =>
        new() { { System, Latchwork }, { Destination, ns }, { OperationName, operation } };

    /// <summary>What every metric of lockers carries.</summary>
    public static TagList OfLock(string ns) => new() { { LockNamespace, ns } };

    /// <summary>The type of an error, for people and programs.</summary>
    public static string OfError(Exception exception) => exception.GetType().FullName ?? exception.GetType().Name;

    public static string Of(PostOutcome outcome) => outcome switch
    {
        PostOutcome.Created => "created",
        PostOutcome.Replaced => "replaced",
        PostOutcome.Kept => "kept",
        _ => "exists",
    };

    public static string Of(StoreOutcome outcome) => outcome switch
    {
        StoreOutcome.NotApplied => "not_applied",
        StoreOutcome.NotReplicated => "not_replicated",
        _ => "unknown",
    };

    public static string Of(DeadLetterReason reason) => reason switch
    {
        DeadLetterReason.RetriesExhausted => "retries_exhausted",
        DeadLetterReason.LeaseExpired => "lease_expired",
        DeadLetterReason.Rejected => "rejected",
        DeadLetterReason.RecordDamaged => "record_damaged",
        _ => "deserialization_failed",
    };
}
