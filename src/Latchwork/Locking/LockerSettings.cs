using Latchwork.Threading;

namespace Latchwork.Locking;

/// <summary>Checks and copies the settings of a locker, so that later changes to the object have no effect.</summary>
internal static class LockerSettings
{
    private static readonly TimeSpan _shortest = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _day = TimeSpan.FromDays(1);

    /// <summary>A sentence for every setting that is out of its range, with its value.</summary>
    public static List<string> FailuresOf(LockerOptions options)
    {
        List<string> failures = [];
        void Check(Action check) => failures.Gather(check);

        Check(() => Limits.CheckId(options.Namespace, nameof(options.Namespace)));
        if (options.NodeId is not null) Check(() => Limits.CheckId(options.NodeId, nameof(options.NodeId)));
        Check(() => Limits.CheckDuration(options.ResultTimeout, TimeSpan.Zero, Limits.MaxDelay, nameof(options.ResultTimeout)));
        Check(() => Limits.CheckDuration(options.LockTimeout, _shortest, Limits.MaxDelay, nameof(options.LockTimeout)));
        Check(() => Limits.CheckDuration(options.LeaseDuration, _shortest, Limits.MaxDelay, nameof(options.LeaseDuration)));
        if (options.LeaseDuration > options.LockTimeout)
        {
            failures.Add($"'{nameof(options.LeaseDuration)}' must not be longer than '{nameof(options.LockTimeout)}', {options.LockTimeout}; it is {options.LeaseDuration}.");
        }

        if (options.WaitTimeout is { } wait) Check(() => CheckWait(wait, nameof(options.WaitTimeout)));
        Check(() => Limits.CheckDuration(options.FallbackPollInterval, TimeSpan.FromMilliseconds(10), _day, nameof(options.FallbackPollInterval)));
        Check(() => Limits.CheckDuration(options.StoreRetryTimeout, TimeSpan.Zero, _day, nameof(options.StoreRetryTimeout)));
        Check(() => Limits.CheckDuration(options.ShutdownTimeout, TimeSpan.Zero, _day, nameof(options.ShutdownTimeout)));
        Check(() => Limits.CheckRange(options.MaxResultBytes, 1, 256 << 20, nameof(options.MaxResultBytes)));
        if (options.TimeProvider is null) failures.Add($"'{nameof(options.TimeProvider)}' must not be null.");
        return failures;
    }

    public static LockerOptions CopyOf(LockerOptions options)
    {
        List<string> failures = FailuresOf(options);
        if (failures.Count > 0) throw new ArgumentException($"The settings of the locker are not valid: {string.Join(" ", failures)}", nameof(options));

        return new LockerOptions
        {
            Namespace = options.Namespace,
            NodeId = options.NodeId,
            ResultTimeout = options.ResultTimeout,
            LockTimeout = options.LockTimeout,
            LeaseDuration = options.LeaseDuration,
            WaitTimeout = options.WaitTimeout,
            FallbackPollInterval = options.FallbackPollInterval,
            StoreRetryTimeout = options.StoreRetryTimeout,
            ShutdownTimeout = options.ShutdownTimeout,
            MaxResultBytes = options.MaxResultBytes,
            SerializerOptions = options.SerializerOptions,
            LoggerFactory = options.LoggerFactory,
            LogKeys = options.LogKeys,
            TimeProvider = LeaseTime.For(options.TimeProvider),
        };
    }

    public static void CheckWait(TimeSpan value, string argument) =>
        Limits.CheckDuration(value, TimeSpan.FromMilliseconds(1), Limits.MaxDelay, argument);

    public static void Check(RunOnceOptions options)
    {
        if (options.ResultTimeout is { } result) Limits.CheckDuration(result, TimeSpan.Zero, Limits.MaxDelay, nameof(options.ResultTimeout));
        if (options.WaitTimeout is { } wait) CheckWait(wait, nameof(options.WaitTimeout));
        ArgumentNullException.ThrowIfNull(options.OnFailure);
        if (options.ResultJitter is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.ResultJitter, $"'{nameof(options.ResultJitter)}' must be between 0 and 1; it is {options.ResultJitter}.");
        }
    }
}
