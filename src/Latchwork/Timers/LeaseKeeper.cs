using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>
/// Extends what this node holds every third of a lease, and ends the local lease of what could not be extended. It runs on the alarm clock's
/// thread and on the threads of the store, never on the pool: a blocked pool loses no lease.
/// </summary>
internal sealed class LeaseKeeper : IDisposable
{
    private static readonly TimeSpan _never = TimeSpan.MaxValue;

    /// <summary>The shortest time between two checks of everything that is held, however many deadlines there are.</summary>
    private static readonly TimeSpan _shortPause = TimeSpan.FromMilliseconds(5);

    private readonly LeaseHolder _holder;
    private readonly TimeSpan _lease;
    private readonly TimeSpan _third;
    private readonly TimeSpan _pause;
    private readonly OutageReporter _extending;
    private readonly Alarm _alarm;
    private readonly Lock _gate = new();
    private TimeSpan _armedFor = _never;
    private volatile bool _closed;
    private bool _disposed;

    public LeaseKeeper(LeaseHolder holder)
    {
        _holder = holder;
        holder.Removed = OnRemoved;
        _lease = holder.Settings.LeaseDuration;
        _third = _lease / 3;
        // Renewals gather for so long, however many claims there were; also the pause after a failed extension.
        _pause = TimeSpan.FromMilliseconds(Math.Clamp(_lease.TotalMilliseconds / 12, 5, 100));
        _extending = new OutageReporter(holder.Errors, holder.Settings.Clock, FailedOperation.Extension);
        _alarm = AlarmClock.For(holder.Settings.Time).CreateAlarm(Sweep);
    }

    /// <summary>Sees to it that a delivery that was just claimed is extended in time.</summary>
    /// <param name="delivery">The delivery.</param>
    /// <param name="lease">The lease that its claim asked for: that of a caller who receives may be shorter than the timer's.</param>
    public void Track(TimerDelivery delivery, TimeSpan lease)
    {
        delivery.RenewAt = delivery.Deadline - lease + lease / 3;
        ArmFor(delivery.RenewAt);
    }

    /// <summary>The node has left: what callers have received is theirs until its leases end, which is still said to them. When nothing is held, it is disposed.</summary>
    public void Close()
    {
        _closed = true;
        OnRemoved();
    }

    // A delivery is no longer held.
    private void OnRemoved()
    {
        if (_closed && _holder.Held.IsEmpty) Dispose();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _alarm.Dispose();
        }
    }

    private void ArmFor(TimeSpan at)
    {
        lock (_gate)
        {
            if (_disposed || at >= _armedFor) return;
            _armedFor = at;
            _alarm.Set(at - _holder.Now);
        }
    }

    private void Sweep()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _armedFor = _never;
        }

        TimeSpan now = _holder.Now;
        TimeSpan nextRenewal = _never;
        TimeSpan nextDeadline = _never;
        List<TimerDelivery>? lost = null;
        List<TimerDelivery>? due = null;
        _holder.Held.ForEach(delivery =>
        {
            TimeSpan deadline = delivery.Deadline;
            if (deadline <= now)
            {
                (lost ??= []).Add(delivery);
                return;
            }

            if (IsToBeExtended(delivery, now))
            {
                if (delivery.RenewAt <= now && deadline - now <= _lease - _third)
                {
                    (due ??= []).Add(delivery);
                    delivery.RenewAt = now + _third;
                }
                else if (delivery.RenewAt <= now)
                {
                    // It was extended further by hand.
                    delivery.RenewAt = deadline - _lease + _third;
                }

                nextRenewal = Min(nextRenewal, delivery.RenewAt);
            }

            nextDeadline = Min(nextDeadline, deadline);
        });

        if (nextRenewal != _never) ArmFor(Max(nextRenewal, now + _pause));
        if (nextDeadline != _never) ArmFor(Max(nextDeadline, now + _shortPause));
        else _extending.Forget(); // nothing is held any more
        foreach (TimerDelivery delivery in lost ?? []) _holder.OnLeaseLost(delivery, DeliveryEnd.LeaseRanOut);
        if (due is null) return;

        foreach (IGrouping<PartitionClient, TimerDelivery> client in due.GroupBy(delivery => delivery.Client))
        {
            foreach (TimerDelivery[] piece in client.Chunk(Limits.MaxBatch)) _ = ExtendAsync(client.Key, piece);
        }
    }

    private bool IsToBeExtended(TimerDelivery delivery, TimeSpan now)
    {
        if (delivery.IsReceived || delivery.IsConfirmedInTransaction) return false;
        if (!delivery.HasStarted) return true;
        if (now - delivery.StartedAt >= _holder.Settings.MaxHandlingTime) return false;
        return !delivery.HasReturned || _holder.Settings.Confirmation != Confirmation.Manual;
    }

    // Never throws. Continues on the thread of the store: short, and nothing of the user's.
    private async Task ExtendAsync(PartitionClient client, TimerDelivery[] deliveries)
    {
        TimeSpan sentAt = _holder.Now;
        try
        {
            DeliveryKey[] keys = Array.ConvertAll(deliveries, delivery => delivery.Key);
            IReadOnlyList<TimerOutcome> outcomes =
                await _holder.Store.ExtendAsync(client.Partition, keys, _lease, _holder.Aborted).ConfigureAwait(false);
            _extending.Succeeded(client.Partition.Index);
            for (int i = 0; i < deliveries.Length; i++)
            {
                TimerDelivery delivery = deliveries[i];
                if (outcomes[i] == TimerOutcome.Done) delivery.SetLeaseExpiry(sentAt + _lease);
                else if (outcomes[i] == TimerOutcome.InFlight) TryAgain(delivery, Max(_pause, _lease / 10)); // a transaction of the application decides, and may take its time
                else _holder.OnLeaseLost(delivery, DeliveryEnd.TakenOver);
            }
        }
        catch (OperationCanceledException) when (_holder.Aborted.IsCancellationRequested)
        {
            _holder.Errors.Log.Stopped("An extension of leases");
        }
#pragma warning disable CA1031 // Whatever went wrong, the leases are tried again while they last.
        catch (Exception e)
#pragma warning restore CA1031
        {
            foreach (TimerDelivery delivery in deliveries) TryAgain(delivery, _pause);
            _extending.Failed(client.Partition.Index, e);
        }
    }

    private void TryAgain(TimerDelivery delivery, TimeSpan pause)
    {
        TimeSpan again = _holder.Now + pause;
        if (delivery.RenewAt > again) delivery.RenewAt = again;
        ArmFor(again);
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
