namespace Latchwork;

/// <summary>What a listening node is doing.</summary>
public enum TimerNodeState
{
    /// <summary>It has free capacity and can be woken.</summary>
    Listening = 0,

    /// <summary>It holds as much as it may, or its handlers are busy and an event with no retry left waits for one. It is not woken until it asks again.</summary>
    Full = 1,

    /// <summary>It missed its poll slot: it is dead, frozen, or cut off. It is forgotten after an hour.</summary>
    Silent = 2,
}
