namespace Latchwork;

/// <summary>One event of a batch.</summary>
/// <param name="Payload">Its bytes.</param>
/// <param name="Due">When it is due.</param>
/// <param name="Options">How it is posted; null for the defaults.</param>
public sealed record TimerPost(ReadOnlyMemory<byte> Payload, Due Due, PostOptions? Options = null);
