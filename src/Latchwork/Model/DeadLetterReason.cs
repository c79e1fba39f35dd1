namespace Latchwork;

/// <summary>Why an event was dead-lettered.</summary>
public enum DeadLetterReason
{
    /// <summary>Its last attempt failed.</summary>
    RetriesExhausted = 0,

    /// <summary>Its last attempt's lease ran out: the node died, hung, or lost the store.</summary>
    LeaseExpired = 1,

    /// <summary>A handler rejected it.</summary>
    Rejected = 2,

    /// <summary>Its payload could not be read.</summary>
    DeserializationFailed = 3,

    /// <summary>What the store keeps of it could not be read: it was changed or deleted by somebody else's hand, or evicted.</summary>
    RecordDamaged = 4,
}
