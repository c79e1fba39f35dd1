using System.Collections.Concurrent;
using Latchwork.Faults.History;

namespace Latchwork.Faults.Work;

/// <summary>A handler that does all that handlers do: returns, throws, takes longer than the lease, overruns, settles by call, and forgets to.</summary>
/// <param name="recorder">What records.</param>
/// <param name="listener">The listener that calls it.</param>
/// <param name="isManual">Whether deliveries are confirmed by a call, after the handler.</param>
/// <param name="longest">The time for handling.</param>
/// <param name="chance">What it does.</param>
/// <param name="transactions">Transactions of the application; null if the store has none.</param>
internal sealed class Handler(Recorder recorder, RecordedListener listener, bool isManual, TimeSpan longest, Random chance, OwnTransactions? transactions)
{
    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(150);
    private readonly ConcurrentDictionary<Task, bool> _afterwards = new();
    private readonly Lock _gate = new();
    private readonly DistributedTimer _timer = listener.Timer;

    /// <summary>Handles a delivery.</summary>
    public async Task HandleAsync(TimerDelivery delivery, CancellationToken cancellationToken)
    {
        long at = MonotonicTime.Now;
        long left = MonotonicTime.Of(delivery.LeaseLeft);
        recorder.History.Write(new HandlerStarted(
            at, delivery.Namespace, delivery.Id, delivery.Token, EventVersion.Of(delivery.Payload.Span), delivery.Retries, delivery.MaxRetries, left, MonotonicTime.Of(delivery.Lateness))
        {
            Listener = listener.Number,
        });
        await using CancellationTokenRegistration stopped = cancellationToken.UnsafeRegister(
            _ => recorder.History.Write(new DeliveryStopped(MonotonicTime.Now, delivery.Namespace, delivery.Id, delivery.Token)), null);
        CodeResult result = CodeResult.Threw;
        try
        {
            await ActAsync(delivery, cancellationToken);
            result = CodeResult.Returned;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            result = CodeResult.Stopped;
            throw;
        }
        finally
        {
            Look(delivery);
            recorder.History.Write(new HandlerEnded(MonotonicTime.Now, delivery.Namespace, delivery.Id, delivery.Token, result));
        }
    }

    /// <summary>Ends when everything that handlers left behind has ended.</summary>
    public Task EndedAsync() => Task.WhenAll(_afterwards.Keys);

    private async Task ActAsync(TimerDelivery delivery, CancellationToken cancellationToken)
    {
        switch (Next(100))
        {
            case < 8:
                await WorkAsync(delivery, Next(30), cancellationToken);
                throw NewFailure("This handler fails.");
            case < 12:
                await WorkAsync(delivery, 1_500 + Next(2_500), cancellationToken); // beyond the lease, which is renewed meanwhile
                break;
            case < 13:
                await WorkAsync(delivery, (int)longest.TotalMilliseconds + Next(2_500), cancellationToken); // beyond the time for handling
                break;
            case < 14:
                await WorkAsync(delivery, 500 + Next(2_000), CancellationToken.None); // deaf to its token
                break;
            case < 20:
                TimeSpan delay = TimeSpan.FromMilliseconds(Next(1_000));
                await SettleAsync(delivery, () => delivery.RetryAsync(delay, "Postponed."), delay);
                break;
            case < 24:
                await SettleAsync(delivery, () => delivery.DeadLetterAsync("Rejected."));
                break;
            case < 30:
                await WorkAsync(delivery, Next(100), cancellationToken);
                await SettleAsync(delivery, () => delivery.ConfirmAsync(CancellationToken.None));
                if (Next(3) == 0) throw new InvalidOperationException("This handler fails after its confirmation.");
                break;
            case < 31:
                await listener.TryLeaveAsync(isDisposed: Next(2) == 0); // a handler may end its own node; it is not waited for
                break;
            case < 33:
                await SettleAsync(delivery, () => _timer.ConfirmAsync(delivery.Id, delivery.Token));
                break;
            case < 60 when transactions is not null:
                await WorkAsync(delivery, Next(60), cancellationToken);
                await transactions.ConfirmAsync(delivery, isRolledBack: Next(5) == 0, TimeSpan.FromMilliseconds(Next(10) == 0 ? Next(1_000) : Next(20)));
                return;
            default:
                await WorkAsync(delivery, Next(60), cancellationToken);
                break;
        }

        // Somebody else confirms, later; some forget to.
        if (isManual && Next(20) != 0) Leave(ConfirmLaterAsync(delivery, Next(10) == 0 ? 500 + Next(2_000) : Next(200)));
    }

    private async Task ConfirmLaterAsync(TimerDelivery delivery, int milliseconds)
    {
        await Task.Yield();
        if (milliseconds > 500 && Next(2) == 0)
        {
            try
            {
                await delivery.ExtendAsync(TimeSpan.FromSeconds(2));
            }
            catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
            {
                // The store's answer is recorded where the store is; here the lease runs out, or has been lost.
                Look(delivery);
            }
        }

        await WorkAsync(delivery, milliseconds, CancellationToken.None);
        await SettleAsync(delivery, () => _timer.ConfirmAsync(delivery.Id, delivery.Token));
    }

    private Task SettleAsync(TimerDelivery delivery, Func<Task<TimerOutcome>> call, TimeSpan? delay = null) => recorder.CallAsync(
        recorder.Begin(Verb.Settle, delivery.Id) with { Token = delivery.Token, Delay = delay is { } given ? MonotonicTime.Of(given) : null },
        call,
        (end, outcome) => end with { Outcome = $"{outcome}" });

    // Works for some time, and looks again and again at what it may believe.
    private async Task WorkAsync(TimerDelivery delivery, int milliseconds, CancellationToken cancellationToken)
    {
        for (TimeSpan left = TimeSpan.FromMilliseconds(milliseconds); left > TimeSpan.Zero; left -= _look)
        {
            await Task.Delay(left < _look ? left : _look, cancellationToken);
            Look(delivery);
        }
    }

    private void Look(TimerDelivery delivery)
    {
        long at = MonotonicTime.Now;
        recorder.History.Write(new DeliveryLocalLease(at, delivery.Namespace, delivery.Id, delivery.Token, MonotonicTime.Of(delivery.LeaseLeft)));
    }

    private void Leave(Task task)
    {
        _afterwards[task] = true;
        task.ContinueWith(done => _afterwards.TryRemove(done, out _), TaskScheduler.Default);
    }

    private Exception NewFailure(string message)
    {
        lock (_gate) return BrokenCallbacks.NewFailure(chance, message);
    }

    private int Next(int below)
    {
        lock (_gate) return chance.Next(below);
    }
}
