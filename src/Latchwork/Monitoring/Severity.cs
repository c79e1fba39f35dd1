namespace Latchwork.Monitoring;

/// <summary>How soon an operator should look.</summary>
internal enum Severity
{
    Fine = 0,

    /// <summary>Worth knowing; nothing is wrong.</summary>
    Notice = 1,

    /// <summary>Something needs a decision, and nothing is late because of it.</summary>
    Warning = 2,

    /// <summary>Events are late or lost to their handlers now.</summary>
    Critical = 3,
}
