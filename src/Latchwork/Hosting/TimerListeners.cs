using System.Diagnostics.CodeAnalysis;
using Latchwork.Threading;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Latchwork.Hosting;

/// <summary>
/// Listens, for one registration, to the namespaces that have a handler: from the moment the application has started until it stops. It
/// never keeps the application from starting: a store that is down is tried in the background.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A source without timer and wait handle holds nothing that must be disposed.")]
internal sealed class TimerListeners(LatchworkRegistration registration, IServiceProvider services) : IHostedLifecycleService
{
    private readonly Lock _gate = new();
    private CancellationTokenRegistration _onStarted;
    private readonly CancellationTokenSource _stopping = new();
    private TimerListenerSet? _listeners;
    private Task _declaring = Task.CompletedTask;
    private bool _began;
    private bool _stopped;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Opens the store in the background, so that it is at hand for the first request.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (registration.StoreOf(services) is ConnectingStore store) _ = store.StartAsync();
        return Task.CompletedTask;
    }

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        // When everything has started, the server included; other services may still be on their way now.
        if (services.GetService<IHostApplicationLifetime>() is { } lifetime) _onStarted = lifetime.ApplicationStarted.Register(Begin);
        else Begin();
        return Task.CompletedTask;
    }

    /// <summary>Claims no more, from the first moment of the shutdown on: other services may take their time.</summary>
    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        _ = LeaveAsync(cancellationToken).Observed(); // StopAsync waits for it
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => LeaveAsync(cancellationToken);

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Begin()
    {
        lock (_gate)
        {
            if (_stopped || _began) return;
            _began = true;
            _declaring = Task.Run(() => new ScheduleDeclarer(registration, services).RunAsync(_stopping.Token));
            if (!registration.Listens || _listeners is not null || !registration.Timers.Exists(timer => timer.Handler is not null)) return;
            _listeners = registration.ListenersOf(services);
            _listeners.Start(registration.StoreOf(services));
        }
    }

    private Task LeaveAsync(CancellationToken shutdown)
    {
        _onStarted.Unregister();
        lock (_gate)
        {
            _stopped = true;
            _ = _stopping.CancelAsync();
            return Task.WhenAll(_declaring.WaitAsync(shutdown), _listeners?.LeaveAsync(shutdown) ?? Task.CompletedTask);
        }
    }
}

/// <summary>
/// The namespaces that an application listens to. A service of its own, made after the timers, so that a provider that is disposed without a
/// stop disposes it before them: nobody waits for handlers then.
/// </summary>
internal sealed class TimerListenerSet : IAsyncDisposable, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly TimerListener[] _listeners;
    private Task[] _running = [];

    public TimerListenerSet(LatchworkRegistration registration, IServiceProvider services)
    {
        _listeners =
        [
            .. from timer in registration.Timers
               where timer.Handler is not null
               let options = registration.TimerOptionsOf(services, timer.Namespace)
               select new TimerListener(
                   registration.TimerOf(services, timer.Namespace), timer.Handler!(services, options), LatchworkRegistration.LogOf(services)),
        ];
    }

    /// <summary>Joins all of them in the background.</summary>
    public void Start(LatchworkStore store) =>
        _running = Array.ConvertAll(_listeners, listener => Task.Run(() => listener.RunAsync(store, _stopping.Token)));

    /// <summary>
    /// Leaves all of them. Whoever calls later waits for the same leave, but in a way of its own: a handler that stops the application does not
    /// wait for itself, and nobody else is kept from waiting for it.
    /// </summary>
    /// <param name="shutdown">Ends the wait for handlers.</param>
    public async Task LeaveAsync(CancellationToken shutdown)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_listeners.Zip(_running, async (listener, running) =>
        {
            await running.ConfigureAwait(false);
            await listener.LeaveAsync(shutdown).ConfigureAwait(false);
        })).ConfigureAwait(false);
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    // The source of the token has neither a timer nor a wait handle: there is nothing of it to dispose, and whoever stops later may still use it.
    public async ValueTask DisposeAsync() => await LeaveAsync(new CancellationToken(canceled: true)).ConfigureAwait(false);
}
