using System.Collections.Concurrent;
using Latchwork.Security;
using Latchwork.Threading;
using Microsoft.Extensions.Logging;

namespace Latchwork.Api;

/// <summary>What the endpoints of one store share.</summary>
internal sealed class HttpApi : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, byte> _openedLockers = new(StringComparer.Ordinal);
    private readonly HttpApiOptions _options;

    public HttpApi(LatchworkStore store, HttpApiOptions options, ILoggerFactory? loggerFactory, TimeProvider time, CancellationToken stopping)
    {
        Store = store;
        _options = options;
        Time = time;
        Stopping = stopping;
        Policies = new AccessPolicies(options.ReadPolicy, options.ChangePolicy, options.PayloadPolicy);
        Timers = new TimerPool(store, options, loggerFactory, time);
        Log = loggerFactory?.CreateLogger("Latchwork.HttpApi");
        Claims = new ClaimTurns(options.MaxWaiting);
        Answers = new ClaimAnswers(time);
        LockWaits = new LockWaits(this, options.MaxWaiting);
    }

    public LatchworkStore Store { get; }

    public AccessPolicies Policies { get; }

    public TimerPool Timers { get; }

    /// <summary>The claims that are waited for.</summary>
    public ClaimTurns Claims { get; }

    /// <summary>What was given for claims.</summary>
    public ClaimAnswers Answers { get; }

    /// <summary>The requests for keys that wait.</summary>
    public LockWaits LockWaits { get; }

    public ILogger? Log { get; }

    public TimeProvider Time { get; }

    /// <summary>Fires when the application begins to stop: nobody waits any more.</summary>
    public CancellationToken Stopping { get; }

    public int MaxPayloadBytes => _options.MaxPayloadBytes;

    /// <summary>How this node is called in records of locks.</summary>
    public string NodeId { get; } = $"http-{Environment.MachineName}-{Environment.ProcessId}";

    /// <summary>The key of the services of a registration.</summary>
    public static string KeyOf(string? serviceKey) => serviceKey is null ? "Latchwork.HttpApi" : $"Latchwork.HttpApi:{serviceKey}";

    /// <summary>Prepares a namespace of keys, once.</summary>
    public async Task OpenLockerAsync(string ns, CancellationToken cancellationToken)
    {
        if (_openedLockers.ContainsKey(ns)) return;
        await Store.Locks.OpenAsync(ns, cancellationToken).OffStoreThread().ConfigureAwait(false);
        if (_openedLockers.Count < TimerPool.MaxKept) _openedLockers.TryAdd(ns, 0); // beyond that it is asked each time
    }

    public async ValueTask DisposeAsync()
    {
        Answers.Dispose();
        await Task.WhenAll(LockWaits.EndAsync(), Timers.DisposeAsync().AsTask()).ConfigureAwait(false);
    }
}
