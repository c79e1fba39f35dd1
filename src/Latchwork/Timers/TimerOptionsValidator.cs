using System.Globalization;

namespace Latchwork;

/// <summary>Checks <see cref="TimerOptions"/>, all of them at once.</summary>
internal static class TimerOptionsValidator
{
    /// <summary>The largest value of <see cref="TimerOptions.MaxDeadLetters"/>.</summary>
    public const int MaxDeadLetters = 100_000_000;

    private static readonly TimeSpan _shortest = TimeSpan.FromMilliseconds(100);

    /// <summary>Throws an <see cref="ArgumentException"/> that names every setting that is out of its range, with its value.</summary>
    public static void Check(TimerOptions options)
    {
        List<string> failures = FailuresOf(options);
        if (failures.Count > 0)
        {
            throw new ArgumentException("The timer's options are not valid: " + string.Join(' ', failures), nameof(options));
        }
    }

    /// <summary>A sentence for every setting that is out of its range, with its value.</summary>
    public static List<string> FailuresOf(TimerOptions options)
    {
        List<string> failures = [];
        Id(options.Namespace, nameof(options.Namespace));
        if (options.NodeId is not null) Id(options.NodeId, nameof(options.NodeId));
        Number(options.MaxEvents, 1, Limits.MaxBatch, nameof(options.MaxEvents));
        Number(options.MaxInFlight, 1, 100_000, nameof(options.MaxInFlight));
        if (options.MaxConcurrency is { } concurrency) Number(concurrency, 1, 100_000, nameof(options.MaxConcurrency));
        Span(options.LeaseDuration, _shortest, TimeSpan.FromDays(1), nameof(options.LeaseDuration));
        Span(options.MaxHandlingTime, _shortest, TimeSpan.FromDays(30), nameof(options.MaxHandlingTime));
        Span(options.ShutdownTimeout, TimeSpan.Zero, TimeSpan.FromDays(1), nameof(options.ShutdownTimeout));
        Span(options.DeadLetterRetention, TimeSpan.FromSeconds(1), Limits.MaxDelay, nameof(options.DeadLetterRetention));
        Number(options.MaxDeadLetters, 0, MaxDeadLetters, nameof(options.MaxDeadLetters));
        if (options.CompletedRetention != TimeSpan.Zero) Span(options.CompletedRetention, TimeSpan.FromSeconds(1), Limits.MaxDelay, nameof(options.CompletedRetention), "zero, or ");
        Number(options.MaxPayloadBytes, 1, 256 << 20, nameof(options.MaxPayloadBytes));
        if (!Enum.IsDefined(options.Confirmation)) failures.Add($"Confirmation must be one of its named values; it is {(int)options.Confirmation}.");
        if (options.TimeProvider is null) failures.Add("TimeProvider must not be null.");
        Number(options.MaxRetries, 0, Limits.MaxRetries, nameof(options.MaxRetries));
        Backoff(options.Backoff);
        return failures;

        void Backoff(RetryBackoff? backoff)
        {
            if (backoff is null)
            {
                failures.Add("Backoff must not be null.");
                return;
            }

            Span(backoff.Initial, TimeSpan.Zero, Limits.MaxDelay, "Backoff.Initial");
            Span(backoff.Max, TimeSpan.Zero, Limits.MaxDelay, "Backoff.Max");
            Real(backoff.Factor, 1, 100, "Backoff.Factor");
            Real(backoff.Jitter, 0, 1, "Backoff.Jitter");
        }

        void Id(string value, string name)
        {
            try
            {
                Limits.CheckId(value, name);
            }
            catch (ArgumentException e)
            {
                failures.Add(e.ParamName is null ? e.Message : e.Message.Replace($" (Parameter '{e.ParamName}')", "", StringComparison.Ordinal));
            }
        }

        void Number(int value, int min, int max, string name)
        {
            if (value < min || value > max) failures.Add(string.Create(CultureInfo.InvariantCulture, $"{name} must be between {min} and {max}; it is {value}."));
        }

        void Real(double value, double min, double max, string name)
        {
            // Written so that NaN fails.
            if (!(value >= min && value <= max))
            {
                failures.Add(string.Create(CultureInfo.InvariantCulture, $"{name} must be between {min} and {max}; it is {value}."));
            }
        }

        void Span(TimeSpan value, TimeSpan min, TimeSpan max, string name, string or = "")
        {
            if (value < min || value > max) failures.Add($"{name} must be {or}between {min} and {max}; it is {value}.");
        }
    }
}
