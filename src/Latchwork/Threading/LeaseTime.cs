using System.Runtime.InteropServices;

namespace Latchwork.Threading;

/// <summary>
/// The system's clock for leases: its timestamps count the time that the machine was suspended, which those of <see cref="TimeProvider.System"/> do not (on
/// Linux and macOS). A store continues counting while a machine sleeps, so whoever holds a lease has to count as well, or believes in it for too long.
/// </summary>
/// <remarks>
/// Linux: <c>CLOCK_BOOTTIME</c>. macOS: <c>mach_continuous_time</c>. Windows' own clock counts suspension. Where there is none of these, it is the
/// monotonic clock. Timers stay the system's, and stand still in a suspension: <see cref="AlarmClock"/> reads this clock at least once a second.
/// </remarks>
internal sealed class LeaseTime : TimeProvider
{
    private const int BootTime = 7; // CLOCK_BOOTTIME

    private readonly Func<long> _read;

    private LeaseTime()
    {
        (_read, TimestampFrequency, CountsSuspension) = FindSource();
    }

    /// <summary>The one of this process.</summary>
    public static LeaseTime Instance { get; } = new();

    /// <summary>Whether its timestamps count the time that the machine was suspended.</summary>
    public bool CountsSuspension { get; }

    /// <inheritdoc/>
    public override long TimestampFrequency { get; }

    /// <summary>The provider to count leases with: this one in place of the system's, and any other as it is.</summary>
    public static TimeProvider For(TimeProvider time) => ReferenceEquals(time, System) ? Instance : time;

    /// <inheritdoc/>
    public override long GetTimestamp() => _read();

    private static (Func<long> Read, long Frequency, bool CountsSuspension) FindSource()
    {
        try
        {
            if (OperatingSystem.IsLinux() && ClockGetTime(BootTime, out _) == 0) return (ReadLinux, 1_000_000_000, true);
            if (OperatingSystem.IsMacOS() && MachTimebaseInfo(out Timebase scale) == 0 && scale.Numerator > 0)
            {
                return (ReadMacOS, (long)(1e9 * scale.Denominator / scale.Numerator), true);
            }
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // A platform without it: as documented.
        }

        return (System.GetTimestamp, System.TimestampFrequency, OperatingSystem.IsWindows());
    }

    private static long ReadLinux()
    {
        _ = ClockGetTime(BootTime, out Timespec now); // it worked before, and has no other way to fail
        return (now.Seconds * 1_000_000_000) + now.Nanoseconds;
    }

    private static long ReadMacOS() => (long)MachContinuousTime();

    [DllImport("libc", EntryPoint = "clock_gettime")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [SuppressGCTransition]
    private static extern int ClockGetTime(int clock, out Timespec time);

    [DllImport("libc", EntryPoint = "mach_timebase_info")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int MachTimebaseInfo(out Timebase scale);

    [DllImport("libc", EntryPoint = "mach_continuous_time")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [SuppressGCTransition]
    private static extern ulong MachContinuousTime();

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        public nint SecondsField;
        public nint NanosecondsField;

        public readonly long Seconds => SecondsField;

        public readonly long Nanoseconds => NanosecondsField;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Timebase
    {
        public uint Numerator;
        public uint Denominator;
    }
}
