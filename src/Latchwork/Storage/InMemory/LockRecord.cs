namespace Latchwork.Storage.InMemory;

/// <summary>What the in-memory store knows of one key. Times are µs since 1970-01-01 UTC. Not safe for several threads.</summary>
/// <remarks>This is the readable model of the Redis scripts: each method is one of them, and takes the same decisions in the same order.</remarks>
internal sealed class LockRecord
{
    private Ownership? _lock;
    private Ending? _outcome;
    private (long Generation, string Nonce) _published = (0, "");
    private long _generation; // the highest ever given; that of the lock while there is one
    private long _keepUntil;

    /// <summary>Whether nothing in the record matters any more.</summary>
    public bool IsGarbage(long now)
    {
        Settle(now);
        return _lock is null && now >= _keepUntil && _outcome?.IsUsable(now) != true;
    }

    public LockerReply Request(LockerRequest request, long now)
    {
        Settle(now);
        if (_lock is { } mine && mine.Nonce == request.Nonce)
        {
            mine.Renew(ToMicroseconds(request.Lease), now);
            return new LockGranted(_generation, mine.TakenOver);
        }

        if (!request.LockOnly && _outcome is { } outcome
            && (outcome.IsFresh(now) || (outcome.Generation >= request.WaitingFor && outcome.IsUsable(now))))
        {
            return outcome.Show(now);
        }

        if (_lock is { } other && now < other.Deadline)
        {
            return new LockHeld(_generation, other.NodeId, FromMicroseconds(other.Deadline - now), FromMicroseconds(now - other.Started));
        }

        bool takenOver = _lock is not null;
        Grow(now);
        _lock = new Ownership(request.NodeId, request.Nonce, now, ToMicroseconds(request.LockTimeout), takenOver);
        _lock.Renew(ToMicroseconds(request.Lease), now);
        return new LockGranted(_generation, takenOver);
    }

    public bool Renew(long generation, string nonce, TimeSpan lease, long now)
    {
        Settle(now);
        if (!IsOwner(generation, nonce)) return false;
        _lock!.Renew(ToMicroseconds(lease), now);
        return true;
    }

    public PublishOutcome Publish(LockerPublication publication, long now)
    {
        Settle(now);
        if (!IsOwner(publication.Generation, publication.Nonce))
        {
            return _published.Generation == publication.Generation && (publication.Nonce ?? _published.Nonce) == _published.Nonce
                ? PublishOutcome.Accepted
                : PublishOutcome.Superseded;
        }

        _published = (publication.Generation, _lock!.Nonce);
        Free(now, _lock.LockTimeout);
        _outcome = new Ending(
            publication.Generation,
            publication.Kind,
            publication.Data.ToArray(),
            now,
            ToMicroseconds(publication.FreshFor),
            ToMicroseconds(publication.HandOverFor));
        return PublishOutcome.Accepted;
    }

    public bool Release(long? generation, string nonce, long now)
    {
        Settle(now);
        if (!IsOwner(generation ?? _generation, nonce)) return false;
        Free(now, _lock!.LockTimeout);
        return true;
    }

    public LockerOutcome? TryGet(long now)
    {
        Settle(now);
        return _outcome?.IsFresh(now) == true ? _outcome.Show(now) : null;
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
            Generation = _lock is null ? _outcome!.Generation : _generation,
            NodeId = _lock?.NodeId,
            Age = _lock is null ? null : FromMicroseconds(now - _lock.Started),
            LeaseLeft = _lock is null ? null : FromMicroseconds(Math.Max(0, _lock.Deadline - now)),
            FreshFor = isFresh ? FromMicroseconds(_outcome!.FreshUntil - now) : null,
            IsFailure = isFresh && _outcome!.Kind == LockerOutcomeKind.Failure,
        };
    }

    private static long ToMicroseconds(TimeSpan span) => (span.Ticks + TimeSpan.TicksPerMicrosecond - 1) / TimeSpan.TicksPerMicrosecond;

    private static TimeSpan FromMicroseconds(long microseconds) => new(microseconds * TimeSpan.TicksPerMicrosecond);

    private bool IsOwner(long generation, string? nonce) =>
        _lock is not null && _generation == generation && (nonce is null || nonce == _lock.Nonce);

    private void Grow(long now) => _generation = Math.Max(_generation + 1, now);

    private void Free(long now, long keepFor)
    {
        _lock = null;
        _keepUntil = Math.Max(_keepUntil, now + keepFor);
    }

    /// <summary>Cuts what lies further ahead than its own length (the clock went back), and ends a lock that is over its ceiling.</summary>
    private void Settle(long now)
    {
        _outcome?.Settle(now);
        if (_lock is null) return;
        _lock.Settle(now);
        if (now >= _lock.Ceiling) Free(_lock.Ceiling, _lock.LockTimeout);
    }

    private sealed class Ownership(string nodeId, string nonce, long started, long lockTimeout, bool takenOver)
    {
        private long _lease;

        public string NodeId => nodeId;

        public string Nonce => nonce;

        public long LockTimeout => lockTimeout;

        public bool TakenOver => takenOver;

        public long Started { get; private set; } = started;

        public long Deadline { get; private set; }

        public long Ceiling => Started + lockTimeout;

        public void Renew(long lease, long now)
        {
            _lease = lease;
            Deadline = Math.Min(now + lease, Ceiling);
        }

        public void Settle(long now)
        {
            Started = Math.Min(Started, now);
            Deadline = Math.Min(Math.Min(Deadline, now + _lease), Ceiling);
        }
    }

    private sealed class Ending(long generation, LockerOutcomeKind kind, byte[] data, long publishedAt, long freshFor, long handOverFor)
    {
        private long _publishedAt = publishedAt;

        public long Generation => generation;

        public LockerOutcomeKind Kind => kind;

        public long FreshUntil => _publishedAt + freshFor;

        public bool IsFresh(long now) => now < FreshUntil;

        public bool IsUsable(long now) => now < _publishedAt + Math.Max(freshFor, handOverFor);

        public void Settle(long now) => _publishedAt = Math.Min(_publishedAt, now);

        public LockerOutcome Show(long now) => new(generation, kind, data, IsFresh(now), FromMicroseconds(now - _publishedAt));
    }
}
