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
        Check(() => Limits.CheckDuration(options.Lease, _shortest, Limits.MaxDelay, nameof(options.Lease)));
        if (options.Lease > options.LockTimeout)
        {
            failures.Add($"'{nameof(options.Lease)}' must not be longer than '{nameof(options.LockTimeout)}', {options.LockTimeout}; it is {options.Lease}.");
        }

        if (options.WaitTimeout is { } wait) Check(() => CheckWait(wait, nameof(options.WaitTimeout)));
        Check(() => Limits.CheckDuration(options.RecheckInterval, TimeSpan.FromMilliseconds(10), _day, nameof(options.RecheckInterval)));
        Check(() => Limits.CheckDuration(options.OutageTolerance, TimeSpan.Zero, _day, nameof(options.OutageTolerance)));
        Check(() => Limits.CheckDuration(options.LeaveTimeout, TimeSpan.Zero, _day, nameof(options.LeaveTimeout)));
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
            Lease = options.Lease,
            WaitTimeout = options.WaitTimeout,
            RecheckInterval = options.RecheckInterval,
            OutageTolerance = options.OutageTolerance,
            LeaveTimeout = options.LeaveTimeout,
            MaxResultBytes = options.MaxResultBytes,
            SerializerOptions = options.SerializerOptions,
            LoggerFactory = options.LoggerFactory,
            TimeProvider = options.TimeProvider,
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
