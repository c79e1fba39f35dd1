using System.Security.Cryptography;
using System.Text.Json;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>The settings of one timer: checked, copied, and never changed.</summary>
internal sealed class TimerSettings
{
    /// <summary>How long a leave waits for one step of the store, and for handlers whose tokens have fired.</summary>
    public static readonly TimeSpan LeaveGrace = TimeSpan.FromSeconds(2);

    private readonly TimerOptions _options;

    public TimerSettings(TimerOptions options)
    {
        TimerOptions.Set.Check(options, "The timer's options are not valid", nameof(options));
        _options = options.Copy();
        NodeId = options.NodeId ?? GenerateNodeId();
        MaxConcurrency = Math.Min(options.MaxConcurrency ?? TimerOptions.DefaultMaxConcurrency, options.MaxInFlight);
        DeadLetters = new DeadLetterLimits(options.DeadLetterRetention, options.MaxDeadLetters);
        Clock = new MonotonicClock(LeaseTime.For(options.TimeProvider));
    }

    public string Namespace => _options.Namespace;

    public string NodeId { get; }

    public int MaxEvents => _options.MaxEvents;

    public int MaxInFlight => _options.MaxInFlight;

    public int MaxConcurrency { get; }

    public TimeSpan LeaseDuration => _options.LeaseDuration;

    public TimeSpan MaxHandlingTime => _options.MaxHandlingTime;

    public Confirmation Confirmation => _options.Confirmation;

    public int MaxRetries => _options.MaxRetries;

    public RetryBackoff Backoff => _options.Backoff;

    public TimeSpan ShutdownTimeout => _options.ShutdownTimeout;

    public int MaxPayloadBytes => _options.MaxPayloadBytes;

    public DeadLetterLimits DeadLetters { get; }

    public TimeSpan CompletedRetention => _options.CompletedRetention;

    /// <summary>How JSON is written and read; null for the web defaults, which only callers that may use reflection can ask for.</summary>
    public JsonSerializerOptions? Json => _options.SerializerOptions;

    public MonotonicClock Clock { get; }

    public TimeProvider Time => Clock.Time;

    /// <summary>Host and process for people, a random part so that it is unique.</summary>
    private static string GenerateNodeId()
    {
        string host = Environment.MachineName;
        if (host.Length > 64) host = host[..64];
        return $"{host}-{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
    }
}
