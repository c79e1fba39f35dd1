namespace Latchwork;

/// <summary>When a delivery counts as handled.</summary>
public enum Confirmation
{
    /// <summary>When the handler returns. When it throws, a retry is spent. The default.</summary>
    AfterHandler = 0,

    /// <summary>When it is confirmed by call. The lease is no longer extended after the handler has returned. When the handler throws, a retry is spent.</summary>
    Manual = 1,

    /// <summary>Before the handler runs: at most one delivery, and a crash loses it. Fire and forget.</summary>
    OnDelivery = 2,
}
