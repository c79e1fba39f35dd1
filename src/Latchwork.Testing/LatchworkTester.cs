using System.Diagnostics.CodeAnalysis;
using Latchwork.Hosting;

namespace Latchwork.Testing;

/// <summary>
/// Moves the time of a test and lets handlers run: one at a time, in the order in which their events are due, each at exactly that time.
/// After <see cref="AdvanceAsync"/> everything that was due has been handled, what the handlers posted included.
/// </summary>
/// <remarks>
/// While a handler runs the clock stands still, unless the handler moves it. A handler that waits for the clock can therefore not end; it is
/// given up after <see cref="HandlerTimeout"/>.
/// </remarks>
public sealed partial class LatchworkTester : IAsyncDisposable, IDisposable
{
    /// <summary>The most handlers that one advance lets run, in case they post to each other forever.</summary>
    public const int MaxDeliveries = 100_000;

    private readonly IServiceProvider _services;
    private readonly TestJournal _journal;
    private readonly LatchworkRegistration[] _registrations;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private (TimerRegistration Timer, SteppedListener Listener)[]? _listeners;

    internal LatchworkTester(IServiceProvider services, ManualTimeProvider clock, TestJournal journal, LatchworkRegistration[] registrations)
    {
        _services = services;
        _journal = journal;
        _registrations = registrations;
        Clock = clock;
    }

    /// <summary>The clock of the services and the store.</summary>
    public ManualTimeProvider Clock { get; }

    /// <summary>How long a handler may take, in real time: default 30 s.</summary>
    public TimeSpan HandlerTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Every post so far, in order.</summary>
    public IReadOnlyList<TestPost> Posts => _journal.Posts;

    /// <summary>Every call of a handler so far, in order.</summary>
    public IReadOnlyList<TestDelivery> Deliveries => _journal.Deliveries;

    /// <summary>Lets everything run that is due now, and what becomes due now by that.</summary>
    /// <returns>How many handlers were called.</returns>
    public Task<int> DrainAsync() => AdvanceAsync(TimeSpan.Zero);

    /// <summary>Moves the clock, and on the way lets everything run at its time.</summary>
    /// <param name="span">Zero to 100 years. A year costs no more than an hour: the clock moves from one due time to the next.</param>
    /// <returns>How many handlers were called.</returns>
    /// <exception cref="TimeoutException">A handler did not end.</exception>
    /// <exception cref="InvalidOperationException">More than <see cref="MaxDeliveries"/> handlers were called; they seem to post to each other forever.</exception>
    public async Task<int> AdvanceAsync(TimeSpan span)
    {
        Limits.CheckDuration(span, TimeSpan.Zero, Limits.MaxDelay);
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            DateTimeOffset end = Clock.GetUtcNow() + span;
            int handled = 0;
            while (true)
            {
                while (await StepAsync().ConfigureAwait(false))
                {
                    if (++handled > MaxDeliveries) throw new InvalidOperationException($"More than {MaxDeliveries} handlers were called; they seem to post to each other forever.");
                }

                TimeSpan left = end - Clock.GetUtcNow();
                if (left <= TimeSpan.Zero) return handled;
                TimeSpan next = await NextAsync().ConfigureAwait(false) ?? left;
                // A lease that is just running out is taken back by the next look, a tick later at the latest.
                if (next <= TimeSpan.Zero) next = TimeSpan.FromMilliseconds(1);
                Clock.Advance(next < left ? next : left);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((_, SteppedListener listener) in _listeners ?? []) listener.Dispose();
        _turn.Dispose();
    }

    /// <inheritdoc/>
    [SuppressMessage("Usage", "CA1816", Justification = "There is no finalizer.")]
    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<TimeSpan?> NextAsync()
    {
        TimeSpan? next = null;
        foreach ((_, SteppedListener listener) in await ListenersAsync().ConfigureAwait(false))
        {
            TimeSpan? one = await listener.NextAsync().ConfigureAwait(false);
            if (one is not null && (next is null || one < next)) next = one;
        }

        return next;
    }

    /// <summary>Handles the event that has been due longest; of equals, that of the namespace that was registered first.</summary>
    private async Task<bool> StepAsync()
    {
        (TimerRegistration Timer, SteppedListener Listener)? first = null;
        TimeSpan longest = TimeSpan.MinValue;
        foreach ((TimerRegistration timer, SteppedListener listener) in await ListenersAsync().ConfigureAwait(false))
        {
            if (await listener.OverdueAsync().ConfigureAwait(false) is { } overdue && overdue > longest) (first, longest) = ((timer, listener), overdue);
        }

        if (first is not { } next) return false;
        try
        {
            return await next.Listener.StepAsync(HandlerTimeout).ConfigureAwait(false) is not null;
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException(
                $"A handler of namespace '{next.Timer.Namespace}' did not end within {HandlerTimeout} of real time. While it runs the clock stands still: does it wait for it?", e);
        }
    }

    private async Task<(TimerRegistration Timer, SteppedListener Listener)[]> ListenersAsync()
    {
        if (_listeners is not null) return _listeners;

        List<(TimerRegistration, SteppedListener)> listeners = [];
        foreach (LatchworkRegistration registration in _registrations)
        {
            foreach (TimerRegistration timer in registration.Timers.Where(timer => timer.Handler is not null))
            {
                Func<TimerDelivery, CancellationToken, Task> handler = timer.Handler!(_services, registration.TimerOptionsOf(_services, timer.Namespace));
                listeners.Add((timer, await registration.TimerOf(_services, timer.Namespace).JoinSteppedAsync((delivery, cancellationToken) => RecordAsync(handler, delivery, cancellationToken)).ConfigureAwait(false)));
            }
        }

        return _listeners = [.. listeners];
    }

    private async Task RecordAsync(Func<TimerDelivery, CancellationToken, Task> handler, TimerDelivery delivery, CancellationToken cancellationToken)
    {
        DateTimeOffset at = Clock.GetUtcNow();
        Exception? error = null;
        try
        {
            await handler(delivery, cancellationToken).ConfigureAwait(false);
            error = delivery.DeserializationFailed;
        }
        catch (Exception e)
        {
            error = e;
            throw;
        }
        finally
        {
            _journal.Delivered(new TestDelivery(delivery.Namespace, delivery.Id, at, delivery.Retries, error));
        }
    }
}
