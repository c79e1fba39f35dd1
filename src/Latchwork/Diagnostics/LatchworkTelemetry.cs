namespace Latchwork;

/// <summary>The names under which Latchwork tells of itself through <c>System.Diagnostics</c>: see docs/telemetry.md for what it tells.</summary>
public static class LatchworkTelemetry
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Latchwork";

    /// <summary>The name of the activity source.</summary>
    public const string ActivitySourceName = "Latchwork";
}
