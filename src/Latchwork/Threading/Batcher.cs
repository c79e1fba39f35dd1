namespace Latchwork.Threading;

/// <summary>
/// Group commit. An item is sent immediately while fewer than a given number of batches are under way; otherwise items gather and go
/// together. Each caller gets its own result: on a thread of its own of the pool, or, for callers that are known never to take long and never to
/// run the code of a user, all results of a batch on one.
/// </summary>
/// <remarks>
/// After a batch that was shared, the next item is likely to have company too: others that were answered with it are on their way through
/// the pool. So its batch takes its turn on the pool behind them, and goes with what they bring. An item that comes alone pays nothing for this.
/// Batches are sent one after the other, in the order in which their items were added, by whichever caller or reply makes space for
/// them; a caller that has sent many in a row hands the rest to the pool. Batches that are under way together may overtake each
/// other in the store.
/// </remarks>
/// <typeparam name="TItem">What is sent.</typeparam>
/// <typeparam name="TResult">The answer to one item.</typeparam>
internal sealed class Batcher<TItem, TResult>
{
    /// <summary>The batches that one caller sends in a row before the pool takes over.</summary>
    private const int MaxInARow = 16;

    /// <summary>A batch that fails after this long did so for want of an answer, not because of what is in it.</summary>
    private static readonly TimeSpan _outage = TimeSpan.FromSeconds(1);

    private readonly Func<IReadOnlyList<TItem>, Task<IReadOnlyList<TResult>>> _send;
    private readonly Func<TItem, int>? _size;
    private readonly Func<TItem, string>? _key;
    private readonly int _maxUnderWay;
    private readonly int _capacity;
    private readonly bool _answersTogether;
    private readonly Lock _gate = new();
    private readonly Queue<Entry> _waiting = new();
    private readonly Queue<Entry> _ready = new(); // they have their key, and go first
    private readonly HashSet<string> _keysUnderWay = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Queue<Entry>> _parked = new(StringComparer.Ordinal); // until their key is free
    private readonly Entry[] _batch;
    private readonly TimeProvider _time;
    private int _parkedCount;
    private int _underWay;
    private bool _sending;
    private bool _lastWasShared;
    private Exception? _closed;

    /// <summary>Creates a batcher.</summary>
    /// <param name="send">Sends 1 to <see cref="Limits.MaxBatch"/> items and returns their answers in order.</param>
    /// <param name="size">The bytes of an item, to keep a batch within <see cref="Limits.MaxBatchBytes"/>; null if they are negligible.</param>
    /// <param name="key">What an item is about: of the items of one key, one is under way at a time, in their order. Null if that does not matter.</param>
    /// <param name="maxUnderWay">The most batches that are under way at a time.</param>
    /// <param name="maxItems">The most items of a batch: 1 to <see cref="Limits.MaxBatch"/>.</param>
    /// <param name="capacity">The most items that wait; beyond it an item is refused.</param>
    /// <param name="answersTogether">
    /// Whether all results of a batch are given on the thread that brought them, which is then a <see cref="CallerThread.IsShared"/> one. Failures
    /// and cancellations are not.
    /// </param>
    /// <param name="time">The clock by which an outage is noticed; null for the system's.</param>
    public Batcher(
        Func<IReadOnlyList<TItem>, Task<IReadOnlyList<TResult>>> send,
        Func<TItem, int>? size = null,
        Func<TItem, string>? key = null,
        int maxUnderWay = 2,
        int maxItems = Limits.MaxBatch,
        int capacity = 1 << 18,
        bool answersTogether = false,
        TimeProvider? time = null)
    {
        _send = send;
        _size = size;
        _key = key;
        _batch = new Entry[maxItems];
        _time = time ?? TimeProvider.System;
        _maxUnderWay = maxUnderWay;
        _capacity = capacity;
        _answersTogether = answersTogether;
    }

    /// <summary>Sends an item, alone or in company.</summary>
    /// <param name="item">The item.</param>
    /// <param name="cancellationToken">Takes the item out if it was not sent yet; ends the wait in any case.</param>
    /// <returns>Its answer, or the failure of its batch.</returns>
    public Task<TResult> AddAsync(TItem item, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested) return Task.FromCanceled<TResult>(cancellationToken);

        var entry = new Entry(item, _time.GetTimestamp(), _answersTogether);
        if (cancellationToken.CanBeCanceled) entry.CancelWith(cancellationToken);

        bool gather;
        lock (_gate)
        {
            if (_closed is not null)
            {
                entry.Fail(_closed);
                return entry.Task;
            }

            if (_ready.Count + _waiting.Count + _parkedCount >= _capacity)
            {
                entry.Fail(TooMany());
                return entry.Task;
            }

            _waiting.Enqueue(entry);
            if (_sending || _underWay >= _maxUnderWay) return entry.Task;
            _sending = true;
            gather = _lastWasShared;
        }

        if (gather) ThreadPool.UnsafeQueueUserWorkItem(static self => self.SendWaiting(), this, preferLocal: false);
        else SendWaiting();
        return entry.Task;
    }

    /// <summary>Fails what waits and everything that is added from now on. What was sent still gets its answers.</summary>
    /// <param name="reason">With what to fail it.</param>
    public void Close(Exception reason)
    {
        Entry[] left;
        lock (_gate)
        {
            _closed ??= reason;
            left = [.. _ready, .. _waiting, .. _parked.Values.SelectMany(static parked => parked)];
            _ready.Clear();
            _waiting.Clear();
            _parked.Clear();
            _parkedCount = 0;
        }

        foreach (Entry entry in left) entry.Fail(reason);
    }

    // Runs while _sending is set, so by one thread at a time: that keeps the order.
    private void SendWaiting()
    {
        for (int sent = 0; ; sent++)
        {
            Entry[] batch;
            lock (_gate)
            {
                batch = _underWay < _maxUnderWay ? TakeBatch() : [];
                if (batch.Length == 0)
                {
                    _sending = false;
                    return;
                }

                if (sent == MaxInARow)
                {
                    // Never reached with the batch lost: it goes out first on the other thread.
                    _underWay++;
                    ThreadPool.UnsafeQueueUserWorkItem(static s => s.Self.Resume(s.Batch), (Self: this, Batch: batch), preferLocal: false);
                    return;
                }

                _underWay++;
            }

            Send(batch);
        }
    }

    private void Resume(Entry[] batch)
    {
        Send(batch);
        SendWaiting();
    }

    private void Send(Entry[] batch)
    {
        long sentAt = _time.GetTimestamp();
        var items = new TItem[batch.Length];
        for (int i = 0; i < batch.Length; i++) items[i] = batch[i].Item;

        // What is sent belongs to many: it, and the batches that its reply sends, must not continue in the context of the one who happens to send it.
        using AsyncFlowControl? flow = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
        Task<IReadOnlyList<TResult>> reply;
        try
        {
            reply = _send(items);
        }
#pragma warning disable CA1031 // Whatever a store throws belongs to the callers of this batch, not to the one who happens to send it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            reply = Task.FromException<IReadOnlyList<TResult>>(e);
        }

        if (reply.IsCompleted)
        {
            lock (_gate) End(batch);
            Answer(batch, reply);
        }
        else
        {
            reply.ContinueWith(
                static (reply, state) =>
                {
                    var (self, batch, sentAt) = ((Batcher<TItem, TResult>, Entry[], long))state!;
                    self.OnReply(batch, reply, sentAt);
                },
                (this, batch, sentAt),
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }
    }

    private void OnReply(Entry[] batch, Task<IReadOnlyList<TResult>> reply, long sentAt)
    {
        bool send;
        TimeSpan taken;
        Entry[] late = [];
        lock (_gate)
        {
            End(batch);
            long now = _time.GetTimestamp();
            taken = _time.GetElapsedTime(sentAt, now);
            if (!reply.IsCompletedSuccessfully && taken >= _outage) late = TakeWaitingSince(sentAt + ((now - sentAt) / 4));
            send = !_sending && _ready.Count + _waiting.Count > 0;
            _sending |= send;
        }

        // The next batch goes on its way first: the callers are not in a hurry to be answered.
        if (send) SendWaiting();
        Answer(batch, reply);
        if (late.Length == 0) return;
        var failure = new LatchworkStoreException(
            $"The operation was not sent: it has waited behind others for {taken.TotalMilliseconds:0} ms, and those have failed ({reply.Exception?.InnerException?.Message})", StoreOutcome.NotApplied, reply.Exception?.InnerException)
        { IsTransient = true };
        foreach (Entry entry in late) entry.Fail(failure);
    }

    // In an outage no item waits for its turn much longer than those wait whose turn it was. Needs the gate.
    private Entry[] TakeWaitingSince(long time)
    {
        Entry[] ready = Take(_ready);
        foreach (Entry entry in ready) FreeKey(_key!(entry.Item));
        return [.. ready, .. Take(_waiting)];

        Entry[] Take(Queue<Entry> queue)
        {
            Entry[] all = [.. queue];
            queue.Clear();
            foreach (Entry entry in all.Where(entry => entry.AddedAt > time)) queue.Enqueue(entry);
            return [.. all.Where(entry => entry.AddedAt <= time)];
        }
    }

    // Needs the gate.
    private void End(Entry[] batch)
    {
        _underWay--;
        if (_key is null) return;
        foreach (Entry entry in batch) FreeKey(_key(entry.Item));
    }

    /// <summary>Hands a key on to the item that has waited for it longest: it comes before items that were added later. Needs the gate.</summary>
    private void FreeKey(string key)
    {
        while (_parked.TryGetValue(key, out Queue<Entry>? parked))
        {
            Entry next = parked.Dequeue();
            _parkedCount--;
            if (parked.Count == 0) _parked.Remove(key);
            if (next.IsEnded) continue; // it was cancelled
            _ready.Enqueue(next);
            return;
        }

        _keysUnderWay.Remove(key);
    }

    private void Answer(Entry[] batch, Task<IReadOnlyList<TResult>> reply)
    {
        if (reply.IsCompletedSuccessfully && reply.Result.Count == batch.Length)
        {
            IReadOnlyList<TResult> results = reply.Result;
            bool before = CallerThread.AnswersOthers;
            CallerThread.AnswersOthers |= _answersTogether;
            for (int i = 0; i < batch.Length; i++) batch[i].Succeed(results[i]);
            CallerThread.AnswersOthers = before;
            return;
        }

        Exception failure = reply.Exception?.InnerException ?? new LatchworkStoreException(
            reply.IsCanceled ? "The store gave the operation up." : $"The store gave {reply.Result.Count} answers to {batch.Length} elements.",
            StoreOutcome.Unknown);
        foreach (Entry entry in batch) entry.Fail(failure);
    }

    private LatchworkStoreException TooMany() =>
        new($"{_capacity} operations wait for the store already; this one was not sent.", StoreOutcome.NotApplied) { IsTransient = true };

    private Entry[] TakeBatch()
    {
        int count = 0;
        long bytes = 0;
        while (count < _batch.Length && (_ready.TryPeek(out Entry? entry) || _waiting.TryPeek(out entry)))
        {
            bool hasKey = _ready.Count > 0;
            Queue<Entry> queue = hasKey ? _ready : _waiting;
            if (entry.IsEnded)
            {
                // What was cancelled while it waited is taken out here.
                queue.Dequeue();
                if (hasKey) FreeKey(_key!(entry.Item));
                continue;
            }

            int size = _size?.Invoke(entry.Item) ?? 0;
            if (count > 0 && bytes + size > Limits.MaxBatchBytes) break;
            queue.Dequeue();
            if (hasKey || _key is null || _keysUnderWay.Add(_key(entry.Item)))
            {
                _batch[count++] = entry;
                bytes += size;
            }
            else
            {
                Park(entry);
            }
        }

        if (count > 0) _lastWasShared = count > 1;
        Entry[] batch = _batch[..count];
        Array.Clear(_batch, 0, count);
        return batch;
    }

    // Needs the gate.
    private void Park(Entry entry)
    {
        string key = _key!(entry.Item);
        if (!_parked.TryGetValue(key, out Queue<Entry>? parked)) _parked[key] = parked = new Queue<Entry>();
        parked.Enqueue(entry);
        _parkedCount++;
    }

    private sealed class Entry(TItem item, long addedAt, bool isAnsweredInPlace)
        : TaskCompletionSource<TResult>(isAnsweredInPlace ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously)
    {
        private CancellationTokenRegistration _registration;
        private int _ended;

        public TItem Item { get; } = item;

        public long AddedAt { get; } = addedAt;

        public bool IsEnded => Volatile.Read(ref _ended) != 0;

        public void CancelWith(CancellationToken cancellationToken) =>
            _registration = cancellationToken.UnsafeRegister(static (entry, token) => ((Entry)entry!).Cancel(token), this);

        public void Succeed(TResult result)
        {
            if (!TryEnd()) return;
            _registration.Dispose();
            SetResult(result);
        }

        public void Fail(Exception exception)
        {
            if (!TryEnd()) return;
            _registration.Dispose();
            if (!isAnsweredInPlace) SetException(exception);
            else ThreadPool.UnsafeQueueUserWorkItem(static one => one.Entry.SetException(one.Exception), (Entry: this, Exception: exception), preferLocal: true);
        }

        private void Cancel(CancellationToken token)
        {
            if (!TryEnd()) return;
            if (!isAnsweredInPlace) SetCanceled(token);
            else ThreadPool.UnsafeQueueUserWorkItem(static one => one.Entry.SetCanceled(one.Token), (Entry: this, Token: token), preferLocal: true);
        }

        private bool TryEnd() => Interlocked.Exchange(ref _ended, 1) == 0;
    }
}
