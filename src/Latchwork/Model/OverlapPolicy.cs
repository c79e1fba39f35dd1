namespace Latchwork;

/// <summary>What becomes of an occurrence while another of the same schedule is in flight or waits for a retry.</summary>
public enum OverlapPolicy
{
    /// <summary>It ends without running. The default.</summary>
    Skip = 0,

    /// <summary>It waits for the end of the other. One waits at a time, the newest; it replaces the one that waited before.</summary>
    Queue = 1,

    /// <summary>It runs beside the other.</summary>
    Allow = 2,
}
