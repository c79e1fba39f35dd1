namespace Latchwork;

/// <summary>The answer to a post.</summary>
/// <param name="Id">The event's id: the given one, or the generated one.</param>
/// <param name="Outcome">What the post did.</param>
public readonly record struct PostResult(string Id, PostOutcome Outcome);
