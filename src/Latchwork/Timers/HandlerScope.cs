namespace Latchwork;

/// <summary>
/// That code runs in a handler, known to whatever the handler calls, however deep: so that a handler that tells its own node to leave does not
/// wait for itself.
/// </summary>
/// <remarks>
/// It flows with the execution context, also into what a handler starts and does not await. It is emptied when the handler returns: what goes
/// on afterwards is no handler any more, and keeps no payload alive.
/// </remarks>
internal sealed class HandlerScope
{
    private static readonly AsyncLocal<HandlerScope?> _current = new();
    private volatile TimerDelivery? _delivery;

    private HandlerScope(TimerDelivery delivery) => _delivery = delivery;

    /// <summary>The delivery whose handler the caller is part of; null if it is part of none.</summary>
    public static TimerDelivery? Delivery => _current.Value?._delivery;

    /// <summary>Begins a scope in the context of the caller, which must be an async method: its context ends with it.</summary>
    public static HandlerScope Begin(TimerDelivery delivery) => _current.Value = new HandlerScope(delivery);

    /// <summary>The handler has returned.</summary>
    public void End() => _delivery = null;
}
