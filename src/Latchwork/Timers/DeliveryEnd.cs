namespace Latchwork;

/// <summary>Why a delivery is no longer this node's although nobody here ended it.</summary>
internal enum DeliveryEnd
{
    /// <summary>The lease ran out before it could be extended.</summary>
    LeaseRanOut,

    /// <summary>The store says that the token is stale: another node took over, or the event was replaced or removed.</summary>
    TakenOver,

    /// <summary>The store told of a replacement or a revocation.</summary>
    Revoked,

    /// <summary>Its end could not be told to the store.</summary>
    Unknown,

    /// <summary>The node left, and the lease is left to run out.</summary>
    LeftBehind,
}
