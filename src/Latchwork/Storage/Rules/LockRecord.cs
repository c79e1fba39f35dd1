namespace Latchwork.Storage.Rules;

/// <summary>What a store knows of one key, and what it decides. Times are µs since 1970-01-01 UTC. Not safe for several threads.</summary>
/// <remarks>
/// The stores in memory and on SQLite run this code. It is also the readable model of the Redis scripts: each method is one of them, and
/// takes the same decisions in the same order.
/// </remarks>
internal sealed class LockRecord
{
    private readonly Func<byte[]?>? _readApart;
    private Ownership? _lock;
    private Ending? _outcome;
    private (long FencingToken, string Nonce) _published = (0, "");
    private long _fencingToken; // the highest ever given; that of the lock while there is one
    private long _keepUntil;

    /// <summary>The record of a key that is not known.</summary>
    public LockRecord()
    {
    }

    /// <summary>The record that was saved.</summary>
    /// <param name="saved">What <see cref="Save"/> returned.</param>
    /// <param name="readApart">Reads the bytes of an outcome that are kept apart; null if they are gone. Called only if they are to be given to somebody.</param>
    public LockRecord(LockState saved, Func<byte[]?> readApart)
    {
        _readApart = readApart;
        _lock = saved.Lock is { } held ? new Ownership(held) : null;
        _outcome = saved.Outcome is { } outcome ? new Ending(outcome) : null;
        _published = (saved.PublishedFencingToken, saved.PublishedNonce);
        _fencingToken = saved.FencingToken;
        _keepUntil = saved.KeepUntil;
    }

    /// <summary>The record as it is, for a store that keeps it outside of this process.</summary>
    public LockState Save() => new()
    {
        Lock = _lock?.Save(),
        Outcome = _outcome?.Save(),
        PublishedFencingToken = _published.FencingToken,
        PublishedNonce = _published.Nonce,
        FencingToken = _fencingToken,
        KeepUntil = _keepUntil,
    };

    /// <summary>Until when somebody may ask for the outcome; null if there is none. It is dropped by the first operation after that.</summary>
    public long? OutcomeUntil => _outcome?.UsableUntil;

    /// <summary>The bytes of the outcome that are in this record.</summary>
    public int OutcomeBytes => _outcome?.Data?.Length ?? 0;

    /// <summary>Whether nothing in the record matters any more.</summary>
    public bool IsGarbage(long now)
    {
        Settle(now);
        return _lock is null && now >= _keepUntil && _outcome is null;
    }

    /// <summary>Drops an outcome that nobody can ask for any more.</summary>
    public void Sweep(long now) => Settle(now);

    public LockerReply Request(LockerRequest request, long now)
    {
        Settle(now);
        if (_lock is { } mine && mine.Nonce == request.Nonce)
        {
            mine.Renew(ToMicroseconds(request.LeaseDuration), now);
            return new LockGranted(_fencingToken, mine.TakenOver);
        }

        if (!request.LockOnly && _outcome is { } outcome
            && (outcome.IsFresh(now) || outcome.FencingToken >= request.WaitingFor)
            && Read(outcome) is { } data)
        {
            return outcome.Show(data, now);
        }

        if (_lock is { } other && now < other.Deadline)
        {
            return new LockHeld(_fencingToken, other.NodeId, FromMicroseconds(other.Deadline - now), FromMicroseconds(now - other.Started), other.Nonce);
        }

        bool takenOver = _lock is not null;
        Grow(now);
        _lock = new Ownership(new(request.NodeId, request.Nonce, now, ToMicroseconds(request.LockTimeout), takenOver, Lease: 0, Deadline: now));
        _lock.Renew(ToMicroseconds(request.LeaseDuration), now);
        return new LockGranted(_fencingToken, takenOver);
    }

    public bool Renew(long fencingToken, string nonce, TimeSpan lease, long now)
    {
        Settle(now);
        if (!IsOwner(fencingToken, nonce)) return false;
        _lock!.Renew(ToMicroseconds(lease), now);
        return true;
    }

    /// <param name="publication">What is published, and by whom.</param>
    /// <param name="data">Its bytes, which the record keeps: nobody may write over them.</param>
    /// <param name="now">Now.</param>
    public PublishOutcome Publish(LockerPublication publication, byte[] data, long now)
    {
        Settle(now);
        if (!IsOwner(publication.FencingToken, publication.Nonce))
        {
            bool isRepeated = _published.FencingToken > 0 && _published.FencingToken == publication.FencingToken;
            return isRepeated && (publication.Nonce ?? _published.Nonce) == _published.Nonce
                ? PublishOutcome.Accepted
                : PublishOutcome.Superseded;
        }

        _published = (publication.FencingToken, _lock!.Nonce);
        Free(now, _lock.LockTimeout);
        Keep(
            new(
                publication.FencingToken,
                publication.Kind,
                data,
                now,
                ToMicroseconds(publication.FreshFor),
                ToMicroseconds(publication.HandOverFor)),
            now);
        return PublishOutcome.Accepted;
    }

    public bool Release(long? fencingToken, string nonce, long now)
    {
        Settle(now);
        if (!IsOwner(fencingToken ?? _fencingToken, nonce)) return false;
        Free(now, _lock!.LockTimeout);
        return true;
    }

    public LockerOutcome? TryGet(long now)
    {
        Settle(now);
        return _outcome is { } outcome && outcome.IsFresh(now) && Read(outcome) is { } data ? outcome.Show(data, now) : null;
    }

    /// <returns>Whether there was a lock, and whether there was that or a fresh outcome.</returns>
    public (bool WasLocked, bool WasKnown) Forget(TimeSpan lockTimeout, long now)
    {
        Settle(now);
        bool wasLocked = _lock is not null;
        bool wasKnown = wasLocked || _outcome?.IsFresh(now) == true;
        _outcome = null;
        if (wasLocked) Grow(now);
        Free(now, ToMicroseconds(lockTimeout));
        return (wasLocked, wasKnown);
    }

    public KeySnapshot? Show(string key, long now)
    {
        Settle(now);
        bool isFresh = _outcome?.IsFresh(now) == true;
        if (_lock is null && !isFresh) return null;
        return new KeySnapshot
        {
            Key = key,
            IsLocked = _lock is not null,
            FencingToken = _lock is null ? _outcome!.FencingToken : _fencingToken,
            NodeId = _lock?.NodeId,
            Age = _lock is null ? null : FromMicroseconds(now - _lock.Started),
            LeaseLeft = _lock is null ? null : FromMicroseconds(Math.Max(0, _lock.Deadline - now)),
            FreshFor = isFresh ? FromMicroseconds(_outcome!.FreshUntil - now) : null,
            IsFailure = isFresh && _outcome!.Kind == LockerOutcomeKind.Failure,
        };
    }

    /// <summary>Puts the record on its way to another store. A lock whose lease ran out ends with that; one whose lease runs is only named.</summary>
    /// <returns>What goes; null if nothing in the record matters any more.</returns>
    public TransferKey? Export(string key, long now)
    {
        Settle(now);
        if (_lock is { } live && now < live.Deadline)
        {
            return new TransferKey(key, _fencingToken, TimeSpan.Zero, null, live.NodeId, FromMicroseconds(live.Deadline - now));
        }

        if (_lock is { } lapsed) Free(now, lapsed.LockTimeout);
        if (IsGarbage(now)) return null;
        TimeSpan keepFor = FromMicroseconds(Math.Max(0, _keepUntil - now));
        TransferResult? result = _outcome is { } outcome && Read(outcome) is { } data ? outcome.Export(data, now) : null;
        return new TransferKey(key, _fencingToken, keepFor, result, null, TimeSpan.Zero);
    }

    /// <summary>Takes in what comes from another store, unless this record is as far.</summary>
    public ImportOutcome Import(TransferKey moved, long now)
    {
        Settle(now);
        if (_lock is { } live && now < live.Deadline) return ImportOutcome.Conflict;
        if (_fencingToken >= moved.FencingToken) return ImportOutcome.Known;
        Free(now, ToMicroseconds(moved.KeepFor));
        _fencingToken = moved.FencingToken;
        if (moved.Outcome is not { } outcome) return ImportOutcome.Imported;
        _published = (outcome.FencingToken, "");
        Keep(
            new(
                outcome.FencingToken,
                outcome.Kind,
                outcome.Data.ToArray(),
                now - ToMicroseconds(outcome.Age),
                ToMicroseconds(outcome.FreshFor),
                ToMicroseconds(outcome.HandOverFor)),
            now);
        return ImportOutcome.Imported;
    }

    private static long ToMicroseconds(TimeSpan span) => (span.Ticks + TimeSpan.TicksPerMicrosecond - 1) / TimeSpan.TicksPerMicrosecond;

    private static TimeSpan FromMicroseconds(long microseconds) => new(microseconds * TimeSpan.TicksPerMicrosecond);

    /// <summary>The bytes of the outcome; null if they were kept apart and are gone.</summary>
    private byte[]? Read(Ending outcome) => outcome.Data ?? _readApart?.Invoke();

    private bool IsOwner(long fencingToken, string? nonce) =>
        _lock is not null && _fencingToken == fencingToken && (nonce is null || nonce == _lock.Nonce);

    private void Grow(long now) => _fencingToken = Math.Max(_fencingToken + 1, now);

    private void Keep(LockState.Ending outcome, long now) => _outcome = now < outcome.UsableUntil ? new Ending(outcome) : null;

    private void Free(long now, long keepFor)
    {
        _lock = null;
        _keepUntil = Math.Max(_keepUntil, now + keepFor);
    }

    /// <summary>Cuts what lies further ahead than its own length (the clock went back), drops an outcome that is over, and ends a lock that is over its ceiling.</summary>
    private void Settle(long now)
    {
        _outcome?.Settle(now);
        if (now >= _outcome?.UsableUntil) _outcome = null;
        if (_lock is null) return;
        _lock.Settle(now);
        if (now >= _lock.Ceiling) Free(_lock.Ceiling, _lock.LockTimeout);
    }

    private sealed class Ownership(LockState.Held held)
    {
        private long _started = held.Started;
        private long _lease = held.Lease;

        public string NodeId => held.NodeId;

        public string Nonce => held.Nonce;

        public long LockTimeout => held.LockTimeout;

        public bool TakenOver => held.TakenOver;

        public long Started => _started;

        public long Deadline { get; private set; } = held.Deadline;

        public long Ceiling => _started + LockTimeout;

        public LockState.Held Save() => held with { Started = _started, Lease = _lease, Deadline = Deadline };

        public void Renew(long lease, long now)
        {
            _lease = lease;
            Deadline = Math.Min(now + lease, Ceiling);
        }

        public void Settle(long now)
        {
            _started = Math.Min(_started, now);
            Deadline = Math.Min(Math.Min(Deadline, now + _lease), Ceiling);
        }
    }

    private sealed class Ending(LockState.Ending ending)
    {
        private long _publishedAt = ending.PublishedAt;

        public long FencingToken => ending.FencingToken;

        public LockerOutcomeKind Kind => ending.Kind;

        public byte[]? Data => ending.Data;

        public long FreshUntil => _publishedAt + ending.FreshFor;

        public bool IsFresh(long now) => now < FreshUntil;

        public long UsableUntil => _publishedAt + Math.Max(ending.FreshFor, ending.HandOverFor);

        public void Settle(long now) => _publishedAt = Math.Min(_publishedAt, now);

        public LockerOutcome Show(byte[] data, long now) => new(FencingToken, Kind, data, IsFresh(now), FromMicroseconds(now - _publishedAt));

        public TransferResult Export(byte[] data, long now) => new(
            FencingToken, Kind, data, FromMicroseconds(now - _publishedAt), FromMicroseconds(ending.FreshFor), FromMicroseconds(ending.HandOverFor));

        public LockState.Ending Save() => ending with { PublishedAt = _publishedAt };
    }
}
