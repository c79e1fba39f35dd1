namespace Latchwork;

/// <summary>The answer to a publication.</summary>
public enum PublishOutcome
{
    /// <summary>It is the key's outcome now, and everybody who waits will get it.</summary>
    Accepted = 0,

    /// <summary>The key belongs to somebody else by now, was forgotten, or its time was up: nothing was changed.</summary>
    Superseded = 1,
}
