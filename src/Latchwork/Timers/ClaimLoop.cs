using System.Security.Cryptography;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>
/// Claims the due events of one partition: asks when the store said to, when a notification says to, or when capacity is free again after there was none.
/// A claim is sent only from a thread of the pool, so that a node whose pool is blocked takes nothing that it could not handle.
/// </summary>
internal sealed class ClaimLoop : IDisposable
{
    private static readonly TimeSpan _never = TimeSpan.MaxValue;

    /// <summary>A bound on what a store may answer, so that a wrong answer costs an hour and not eternity.</summary>
    private static readonly TimeSpan _longest = TimeSpan.FromHours(1);

    private readonly LeaseHolder _holder;
    private readonly Intake _intake;
    private readonly PartitionClient _client;
    private readonly Alarm _alarm;
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HashSet<DeliveryKey> _revokedEarly = [];
    private readonly Action _onCapacityFreed;
    private TaskCompletionSource<bool>? _waiter;
    private TimeSpan _askAt = TimeSpan.Zero;
    private ClaimRequest? _unanswered;
    private int _failures;
    private int _isFull;
    private bool _claiming;
    private bool _pausedMeanwhile;
    private bool _stopping;

    public ClaimLoop(LeaseHolder holder, Intake intake, PartitionClient client)
    {
        _holder = holder;
        _intake = intake;
        _client = client;
        _onCapacityFreed = OnCapacityFreed;
        _alarm = AlarmClock.For(holder.Settings.Time).CreateAlarm(OnAlarm);
    }

    /// <summary>Ends with the first answer of the store, or fails with the first failure.</summary>
    public Task Answered => _answered.Task;

    // A claim without an answer may have brought events, which are to be handed back: it is repeated for as long as the leave allows.
    private bool MustRetry => _unanswered is not null && !_holder.Aborted.IsCancellationRequested;

    /// <summary>Claims until stopped. Never throws.</summary>
    public async Task RunAsync()
    {
        while (await ItIsTimeAsync().ConfigureAwait(false)) await AskAsync().ConfigureAwait(false);
        _answered.TrySetCanceled();
    }

    /// <summary>Asks after <paramref name="delay"/> at the latest. Also heard while a claim is under way: its reply does not undo it.</summary>
    public void AskIn(TimeSpan delay)
    {
        TimeSpan now = _holder.Now;
        AskAt(delay <= TimeSpan.Zero ? now : delay < _longest ? now + delay : now + _longest, mayStay: true);
    }

    /// <summary>A delivery was revoked that is not known here: if a claim is under way, it may be bringing it.</summary>
    public void RevokedEarly(DeliveryKey key)
    {
        lock (_gate)
        {
            if (_claiming && _revokedEarly.Count < Limits.MaxBatch) _revokedEarly.Add(key);
        }
    }

    /// <summary>
    /// The partition was paused: what no handler has begun is handed back. If a claim is under way, it may have been answered before that, and what it
    /// brings goes back as well.
    /// </summary>
    public void OnPaused()
    {
        lock (_gate) _pausedMeanwhile = _claiming;
        _intake.Pauses.Mark(_client);

        // Not on the thread of the store: it would be called from there.
        ThreadPool.UnsafeQueueUserWorkItem(static self => self._intake.Pauses.HandBackUnstarted(self._client), this, preferLocal: false);
    }

    /// <summary>Stops to ask. A claim under way is waited for: what it brings is handed back.</summary>
    public void Stop()
    {
        TaskCompletionSource<bool>? waiter;
        lock (_gate)
        {
            _stopping = true;
            if (MustRetry) return;
            (waiter, _waiter) = (_waiter, null);
        }

        if (waiter is not null) End(waiter, shouldRetry: false);
    }

    public void Dispose() => _alarm.Dispose();

    private async Task<bool> ItIsTimeAsync()
    {
        TaskCompletionSource<bool> waiter;
        lock (_gate)
        {
            if (_stopping && !MustRetry) return false;

            waiter = new TaskCompletionSource<bool>();
            TimeSpan left = _askAt - _holder.Now;
            if (left <= TimeSpan.Zero)
            {
                waiter.SetResult(true);
            }
            else
            {
                _waiter = waiter;
                if (_askAt != _never) _alarm.Set(left);
            }
        }

        // Not on the thread of the store, on which the reply may have come.
        if (waiter.Task.IsCompleted) await Task.Yield();
        return await waiter.Task.ConfigureAwait(false);
    }

    /// <param name="at">When.</param>
    /// <param name="mayStay">Whether the claim may be sent from this thread, if it is one of the pool.</param>
    private void AskAt(TimeSpan at, bool mayStay = false)
    {
        TaskCompletionSource<bool>? waiter;
        lock (_gate)
        {
            if (at >= _askAt) return;
            _askAt = at;
            waiter = TakeOrArm();
        }

        if (waiter is null) return;
        if (mayStay && Thread.CurrentThread.IsThreadPoolThread) waiter.SetResult(true);
        else End(waiter, shouldRetry: true);
    }

    private void OnAlarm()
    {
        TaskCompletionSource<bool>? waiter;
        lock (_gate) waiter = TakeOrArm();
        if (waiter is not null) End(waiter, shouldRetry: true);
    }

    /// <summary>Takes what waits for the time, if it has come, and else sets the alarm. Needs the gate; whoever has taken it ends it.</summary>
    private TaskCompletionSource<bool>? TakeOrArm()
    {
        if (_waiter is null || _askAt == _never) return null;
        TimeSpan left = _askAt - _holder.Now;
        if (left > TimeSpan.Zero)
        {
            _alarm.Set(left);
            return null;
        }

        TaskCompletionSource<bool> waiter = _waiter;
        _waiter = null;
        return waiter;
    }

    private static void End(TaskCompletionSource<bool> waiter, bool shouldRetry) => ThreadPool.UnsafeQueueUserWorkItem(
        static end => end.Waiter.SetResult(end.ShouldRetry), (Waiter: waiter, ShouldRetry: shouldRetry), preferLocal: false);

    private async Task AskAsync()
    {
        lock (_gate)
        {
            // Whatever was asked for until now, this claim answers. What is asked for from now on, it may not.
            _askAt = _never;
            _claiming = true;
            _pausedMeanwhile = false;
            _revokedEarly.Clear();
        }

        bool isRepetition = _unanswered is not null;
        if (isRepetition) _holder.Capacity.PassOn(_onCapacityFreed); // it reserves nothing, and its server may not answer for long
        long calls = _intake.Calls; // before the places are counted that these want
        ClaimRequest request = _unanswered ?? NextRequest();
        TimeSpan sentAt = _holder.Now;
        try
        {
            TimerClaim claim = await _holder.Store.ClaimAsync(_client.Partition, request, _holder.Aborted).ConfigureAwait(false);
            // From here on perhaps on the thread of the store: short, and nothing of the user's.
            TimeSpan receivedAt = _holder.Now;
            _unanswered = null;
            _failures = 0;
            if (isRepetition) _holder.Capacity.Occupy(request.Max);
            _intake.Claiming.Succeeded(_client.Partition.Index);
            Task taken = Take(request, claim, sentAt, receivedAt);
            Plan(request, claim, receivedAt);
            if (!isRepetition) _intake.OnAnswered(_client.Partition.Index, calls, request.Max);
            else if (_intake.IsAwaited) AskIn(TimeSpan.Zero); // it says nothing of what is due now
            _answered.TrySetResult();
            await taken.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_holder.Aborted.IsCancellationRequested)
        {
            _holder.Errors.Log.Stopped("A claim");
        }
#pragma warning disable CA1031 // Whatever a store throws, polling continues.
        catch (Exception e)
#pragma warning restore CA1031
        {
            OnFailure(request, isRepetition, e);
        }
    }

    private ClaimRequest NextRequest()
    {
        int max = _holder.Capacity.Reserve(_intake.MaxOfClaim, out int handlers, _onCapacityFreed);
        return new ClaimRequest(
            _holder.Settings.NodeId,
            NewToken(),
            max,
            max + _holder.Capacity.Free,
            _holder.Capacity.Taken - max,
            _intake.LeaseOfClaim,
            _holder.Settings.DeadLetters)
        {
            Yields = _holder.Capacity.HandlesLong,
            MaxLastAttempts = handlers < max ? handlers : null,
            Completed = _client.Completed,
        };
    }

    private Task Take(ClaimRequest request, TimerClaim claim, TimeSpan sentAt, TimeSpan receivedAt)
    {
        if (claim.DeadLettered > 0) _holder.Errors.Log.DeadLetteredByLease(_holder.Settings.Namespace, claim.DeadLettered);
        _holder.Errors.Log.Claimed(_holder.Settings.Namespace, claim.Events.Count, _client.Partition.Index, claim.AskAgainIn);
        if (_client.Partition.Index == 0) _intake.Pauses.Note(claim.Pause);
        Task taken = Task.CompletedTask;
        bool isPaused;
        lock (_gate) isPaused = claim.Pause is not null || _pausedMeanwhile;
        if (claim.Events.Count > 0)
        {
            var deliveries = new List<TimerDelivery>(claim.Events.Count);
            foreach (ClaimedEvent claimed in claim.Events)
            {
                deliveries.Add(new TimerDelivery(_holder, _client, claimed, request.ClaimToken, receivedAt, sentAt + request.LeaseDuration));
            }

            taken = _intake.ReceiveAsync(deliveries, request.LeaseDuration, isPaused);
        }

        DeliveryKey[] revoked;
        lock (_gate)
        {
            _claiming = false;
            isPaused |= _pausedMeanwhile;
            revoked = [.. _revokedEarly];
        }

        if (isPaused) _intake.Pauses.HandBackUnstarted(_client);

        foreach (DeliveryKey key in revoked) _holder.OnRevoked(key);
        _holder.Capacity.GiveBack(request.Max - claim.Events.Count);
        return taken;
    }

    private void Plan(ClaimRequest request, TimerClaim claim, TimeSpan receivedAt)
    {
        TimeSpan wait = claim.AskAgainIn < TimeSpan.Zero ? TimeSpan.Zero : claim.AskAgainIn < _longest ? claim.AskAgainIn : _longest;
        AskAt(receivedAt + wait);

        // The store no longer notifies a full node, so whatever is freed leads to a claim. Once is enough: it may wait already.
        bool isFull = request.Capacity <= claim.Events.Count;
        if ((!isFull && !claim.IsCut) || Interlocked.Exchange(ref _isFull, 1) == 1) return;
        if (isFull) _holder.Capacity.WhenFree(_onCapacityFreed);
        else _holder.Capacity.WhenHandlerFree(_onCapacityFreed);
    }

    private void OnCapacityFreed()
    {
        Interlocked.Exchange(ref _isFull, 0);
        bool isClaiming;
        lock (_gate) isClaiming = _claiming;
        if (isClaiming) _holder.Capacity.PassOn(_onCapacityFreed); // the claim under way may have no answer for long
        AskAt(_holder.Now);
    }

    private void OnFailure(ClaimRequest request, bool isRepetition, Exception e)
    {
        lock (_gate) _claiming = false;

        // If it may have been applied, the same request again brings the same events. Until then the partitions of servers that answer have the handlers.
        _unanswered = e is LatchworkStoreException { Outcome: StoreOutcome.NotApplied } ? null : request;
        _holder.Capacity.GiveBack(isRepetition ? 0 : request.Max);

        AskIn(Backoff.OfStore(_failures++));
        _intake.OnFailed(e);
        bool isTheJoins = _answered.TrySetException(e);
        _intake.Claiming.Failed(_client.Partition.Index, e, isTold: isTheJoins);
    }

    /// <summary>96 random bits: nobody else's, ever.</summary>
    private static string NewToken()
    {
        Span<byte> random = stackalloc byte[12];
        RandomNumberGenerator.Fill(random);
        return System.Buffers.Text.Base64Url.EncodeToString(random);
    }
}
