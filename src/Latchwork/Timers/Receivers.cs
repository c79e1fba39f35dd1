using Latchwork.Threading;

namespace Latchwork;

/// <summary>
/// The callers who wait for deliveries of one timer, in the order of their calls. They share one listener, which claims as many events as they want
/// together and nothing while nobody waits, and gives them away as its claims bring them.
/// </summary>
/// <remarks>
/// A caller waits until it is given deliveries, or until its wait is over and every partition has answered a claim that was sent after the call, or
/// until it withdraws. Who takes it off the list, under the gate, decides which. A claim under way may bring more than those who are left want:
/// that is handed back, with no retry spent. When nobody has waited and nothing was held for <see cref="IdleTime"/>, the listener leaves; if the
/// process dies instead, the node is listed until it misses its poll slot, and what was held has leases that run out.
/// </remarks>
internal sealed class Receivers : IDeliveryQueue
{
    /// <summary>How long the listener stays when nobody waits and nothing is held: callers come again and again.</summary>
    public static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(10);

    /// <summary>The most callers that wait at a time.</summary>
    public const int MaxWaiting = 10_000;

    private readonly TimerSettings _settings;
    private readonly Lock _gate = new();
    private readonly LinkedList<Receiver> _waiting = [];
    private readonly Alarm _alarm;
    private readonly Action _onIdle;
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Claims? _claims;
    private long _calls;
    private int _handingBack;
    private TimeSpan _idleSince;
    private volatile bool _closed;
    private bool _hasJoined;

    /// <param name="settings">The timer's settings.</param>
    /// <param name="onIdle">Called on the pool when nobody waits any more, for long: the listener is to leave.</param>
    public Receivers(TimerSettings settings, Action onIdle)
    {
        _settings = settings;
        _onIdle = onIdle;
        _alarm = AlarmClock.For(settings.Time).CreateAlarm(LookIfIdle);
        Capacity = new NodeCapacity(settings.MaxInFlight, maxConcurrency: 0);
    }

    public bool TakesTogether => true;

    /// <summary>What may be claimed: as many events as the callers want together.</summary>
    public NodeCapacity Capacity { get; }

    /// <summary>Whether nobody can wait here any more.</summary>
    public bool IsClosed => _closed;

    /// <summary>The number of the last call: what a claim that is sent now is an answer to.</summary>
    public long Calls => Interlocked.Read(ref _calls);

    /// <summary>The lease of the next claim: the shortest that is wanted. Who wants a longer one extends; who wants a shorter one is not given it.</summary>
    public TimeSpan Lease
    {
        get
        {
            lock (_gate) return _waiting.Count == 0 ? _settings.LeaseDuration : _waiting.Min(receiver => receiver.Lease);
        }
    }

    public Task Idle => _idle.Task;

    public Task Settled => _settled.Task;

    /// <summary>There is a listener that claims.</summary>
    /// <param name="holder">Holds what it claims.</param>
    /// <param name="partitions">How many partitions it asks.</param>
    /// <param name="askAll">Asks all of them now.</param>
    public void Attach(LeaseHolder holder, int partitions, Action askAll) => _claims = new Claims(holder, partitions, askAll);

    /// <summary>Lets a caller wait.</summary>
    /// <returns>False if the listener leaves.</returns>
    /// <exception cref="InvalidOperationException">Too many wait.</exception>
    public bool TryEnqueue(Receiver receiver)
    {
        lock (_gate)
        {
            if (_closed) return false;
            if (_waiting.Count >= MaxWaiting) throw new InvalidOperationException($"{MaxWaiting} callers wait for deliveries of '{_settings.Namespace}' already, the most that may.");
            receiver.Number = Interlocked.Increment(ref _calls);
            _waiting.AddLast(receiver);
            _alarm.Cancel();
        }

        Capacity.ChangeHandlers(receiver.Max);
        _claims?.AskAll(); // before it has joined, the first claim asks
        return true;
    }

    /// <summary>The wait of a caller is over: it is answered now, or when every partition was asked once.</summary>
    public void EndWait(Receiver receiver)
    {
        bool isAnswered;
        lock (_gate)
        {
            receiver.HasWaited = true;
            isAnswered = HasAllAnswers(receiver) && Remove(receiver);
        }

        if (isAnswered) Dismiss(receiver);
    }

    /// <summary>A caller waits no more. What it was given before, it has to hand back itself.</summary>
    public void Withdraw(Receiver receiver)
    {
        bool isRemoved;
        lock (_gate) isRemoved = Remove(receiver);
        if (isRemoved) Dismiss(receiver);
    }

    /// <summary>A partition has answered a claim, and what that brought was added.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="calls">The number of the last call before the claim was sent.</param>
    /// <param name="max">How much was asked for.</param>
    public void OnAnswered(int partition, long calls, int max)
    {
        // The places that callers want were lent to other partitions: this one is asked when they are given back. But a full node is an answer.
        if (max == 0 && Capacity.Taken < _settings.MaxInFlight) return;
        List<Receiver> answered = [];
        lock (_gate)
        {
            for (LinkedListNode<Receiver>? node = _waiting.First; node is not null;)
            {
                Receiver receiver = node.Value;
                node = node.Next;
                if (receiver.Number <= calls) receiver.Answered.Add(partition);
                if (receiver.HasWaited && HasAllAnswers(receiver) && Remove(receiver)) answered.Add(receiver);
            }
        }

        foreach (Receiver receiver in answered) Dismiss(receiver);
    }

    /// <summary>A claim failed. Who has time left waits for the next.</summary>
    public void OnFailed(Exception exception)
    {
        List<Receiver> failed;
        lock (_gate)
        {
            failed = [.. _waiting.Where(receiver => receiver.HasWaited)];
            foreach (Receiver receiver in failed) Remove(receiver);
        }

        foreach (Receiver receiver in failed)
        {
            Capacity.ChangeHandlers(-receiver.Max);
            receiver.Fail(exception);
        }
    }

    /// <summary>The listener has joined. Until then its end is a failure, which those who wait get.</summary>
    public void OnJoined()
    {
        lock (_gate)
        {
            _hasJoined = true;
            if (!_closed) return;
        }

        foreach (Receiver receiver in Close()) receiver.Give([]); // it has left meanwhile
    }

    /// <summary>The listener could not join: nobody is given anything.</summary>
    public void OnJoinFailed(Exception exception)
    {
        foreach (Receiver receiver in Close()) receiver.Fail(exception);
        _alarm.Dispose();
    }

    public bool TryAdd(List<TimerDelivery> deliveries)
    {
        List<(Receiver Receiver, List<TimerDelivery> Deliveries)> given = [];
        List<TimerDelivery> left = [];
        lock (_gate)
        {
            if (_closed) return false;
            foreach (TimerDelivery delivery in deliveries)
            {
                // The lease was asked for when others waited. Whoever wants a shorter one would hold the event for longer than it wanted should it vanish.
                TimeSpan lease = delivery.LeaseLeft;
                if (_waiting.FirstOrDefault(receiver => receiver.Lease >= lease) is not { } next || !delivery.TryHandOver())
                {
                    left.Add(delivery);
                    continue;
                }

                List<TimerDelivery>? its = given.Find(one => one.Receiver == next).Deliveries;
                if (its is null) given.Add((next, its = []));
                its.Add(delivery);
                if (its.Count == next.Max) Remove(next);
            }

            foreach ((Receiver receiver, _) in given) Remove(receiver);
            _handingBack += left.Count;
        }

        foreach ((Receiver receiver, List<TimerDelivery> its) in given)
        {
            Capacity.HandedOver(its.Count, receiver.Max);
            receiver.Give(its);
        }

        if (left.Count > 0) _ = HandBackAsync(left);
        return true;
    }

    /// <remarks>Nothing waits here: who is not given to a caller immediately is handed back.</remarks>
    public bool TryKeepHandler(TimerDelivery delivery) => true;

    public void FreeHandler(TimerDelivery delivery)
    {
    }

    public List<TimerDelivery> Stop()
    {
        bool hasJoined;
        lock (_gate)
        {
            hasJoined = _hasJoined;
            _closed = true;
        }

        if (hasJoined)
        {
            foreach (Receiver receiver in Close()) receiver.Give([]);
        }

        _idle.TrySetResult();
        lock (_gate)
        {
            if (_handingBack == 0) _settled.TrySetResult();
        }

        return [];
    }

    /// <remarks>Whatever is here is a caller's already, who is not disturbed.</remarks>
    public void HandBack(Func<TimerDelivery, bool> which)
    {
    }

    public Task OthersIdleAsync(TimerDelivery caller) => _idle.Task;

    public TimerDelivery[] Running() => [];

    public void Dispose() => _alarm.Dispose();

    private bool HasAllAnswers(Receiver receiver) => _claims is { } claims && receiver.Answered.Count >= claims.Partitions;

    private void Dismiss(Receiver receiver)
    {
        Capacity.ChangeHandlers(-receiver.Max);
        receiver.Give([]);
    }

    /// <summary>Takes a caller off the list. Needs the gate; whoever has done it answers the caller.</summary>
    private bool Remove(Receiver receiver)
    {
        if (!_waiting.Remove(receiver)) return false;
        if (_waiting.Count > 0 || _closed) return true;
        _idleSince = _settings.Clock.Now;
        _alarm.Set(IdleTime);
        return true;
    }

    private Receiver[] Close()
    {
        lock (_gate)
        {
            _closed = true;
            Receiver[] left = [.. _waiting];
            _waiting.Clear();
            return left;
        }
    }

    private async Task HandBackAsync(List<TimerDelivery> deliveries)
    {
        Capacity.HandedBack(deliveries.Count);
        await _claims!.Holder.HandBackAsync(deliveries).ConfigureAwait(false);
        bool isWaitedFor;
        lock (_gate)
        {
            _handingBack -= deliveries.Count;
            if (_closed && _handingBack == 0) _settled.TrySetResult();
            isWaitedFor = !_closed && _waiting.Count > 0;
        }

        if (isWaitedFor) _claims.AskAll();
    }

    // On the alarm clock's thread.
    private void LookIfIdle()
    {
        lock (_gate)
        {
            if (_closed || _waiting.Count > 0) return;
            TimeSpan left = _idleSince + IdleTime - _settings.Clock.Now;
            if (left > TimeSpan.Zero || _claims is not { Holder.Held.IsEmpty: true })
            {
                _alarm.Set(left > TimeSpan.Zero ? left : IdleTime);
                return;
            }

            _closed = true; // whoever calls from now on begins the next membership
        }

        ThreadPool.UnsafeQueueUserWorkItem(static leave => leave(), _onIdle, preferLocal: false);
    }

    private sealed record Claims(LeaseHolder Holder, int Partitions, Action AskAll);
}
