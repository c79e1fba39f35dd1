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

    public TimerSettings(TimerOptions options)
    {
        TimerOptionsValidator.Check(options);
        Namespace = options.Namespace;
        NodeId = options.NodeId ?? GenerateNodeId();
        MaxEvents = options.MaxEvents;
        MaxInFlight = options.MaxInFlight;
        MaxConcurrency = Math.Min(options.MaxConcurrency ?? TimerOptions.DefaultMaxConcurrency, options.MaxInFlight);
        LeaseDuration = options.LeaseDuration;
        MaxHandlingTime = options.MaxHandlingTime;
        Confirmation = options.Confirmation;
        MaxRetries = options.MaxRetries;
        Backoff = options.Backoff;
        ShutdownTimeout = options.ShutdownTimeout;
        MaxPayloadBytes = options.MaxPayloadBytes;
        DeadLetters = new DeadLetterLimits(options.DeadLetterRetention, options.MaxDeadLetters);
        CompletedRetention = options.CompletedRetention;
        Json = options.SerializerOptions;
        Clock = new MonotonicClock(LeaseTime.For(options.TimeProvider));
    }

    public string Namespace { get; }

    public string NodeId { get; }

    public int MaxEvents { get; }

    public int MaxInFlight { get; }

    public int MaxConcurrency { get; }

    public TimeSpan LeaseDuration { get; }

    public TimeSpan MaxHandlingTime { get; }

    public Confirmation Confirmation { get; }

    public int MaxRetries { get; }

    public RetryBackoff Backoff { get; }

    public TimeSpan ShutdownTimeout { get; }

    public int MaxPayloadBytes { get; }

    public DeadLetterLimits DeadLetters { get; }

    public TimeSpan CompletedRetention { get; }

    /// <summary>How JSON is written and read; null for the web defaults, which only callers that may use reflection can ask for.</summary>
    public JsonSerializerOptions? Json { get; }

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
