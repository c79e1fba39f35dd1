namespace Latchwork.Api;

/// <summary>
/// What was given for claims, so that a lost answer can be asked for again. It is all that this process keeps of a delivery that a client has: until the
/// client ends it here, the store says that it is gone, or its lease ends; and within bounds. Whoever asks another server, or too late, claims anew, and
/// what was lost is left to its lease.
/// </summary>
internal sealed class ClaimAnswers(TimeProvider time) : IDisposable
{
    private const int MaxAnswers = 10_000;
    private const int MaxDeliveries = 50_000;
    private const long MaxBytes = 64 << 20;

    /// <summary>How often those are looked for whose leases have ended, which nobody says.</summary>
    private static readonly TimeSpan _sweepInterval = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly Dictionary<ClaimKey, LinkedListNode<GivenClaim>> _byKey = [];
    private readonly Dictionary<(string Namespace, string Id, string Token), GivenClaim> _byDelivery = [];
    private readonly LinkedList<GivenClaim> _byAge = [];
    private ITimer? _sweeper;
    private long _bytes;
    private bool _disposed;

    /// <summary>How many deliveries are kept.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _byDelivery.Count;
        }
    }

    /// <summary>Keeps what is given for a claim.</summary>
    public GivenClaim Add(ClaimKey key, IReadOnlyList<TimerDelivery> deliveries)
    {
        long now = time.GetTimestamp();
        GivenClaim given = new(key, [.. deliveries.Select(delivery => new GivenDelivery(delivery, now + Ticks(delivery.LeaseLeft)))]);
        lock (_gate)
        {
            Remove(key);
            // What is too large for all of the space would drive out everything and stay out itself.
            if (_disposed || given.Deliveries.Count == 0 || given.Bytes > MaxBytes / 4) return given;
            _byKey[key] = _byAge.AddLast(given);
            foreach (GivenDelivery one in given.Deliveries) _byDelivery[(key.Namespace, one.Delivery.Id, one.Delivery.Token)] = given;
            _bytes += given.Bytes;
            while (_byAge.Count > MaxAnswers || _byDelivery.Count > MaxDeliveries || _bytes > MaxBytes) Remove(_byAge.First!.Value.Key);
            SweepLater();
        }

        return given;
    }

    /// <summary>What is still held of what was given for a claim. From now on it is the repetition's, too: whoever got it first does not hand it back.</summary>
    public IReadOnlyList<TimerDelivery> Again(ClaimKey key)
    {
        lock (_gate)
        {
            if (!_byKey.TryGetValue(key, out LinkedListNode<GivenClaim>? node)) return [];
            node.Value.IsGivenAgain = true;
            long now = time.GetTimestamp();
            return [.. node.Value.Deliveries.Where(one => one.LeaseEnd > now).Select(one => one.Delivery)];
        }
    }

    /// <summary>Takes back what was given, to hand it back.</summary>
    /// <returns>False if a repetition has got it meanwhile.</returns>
    public bool TryTakeBack(GivenClaim given)
    {
        lock (_gate)
        {
            if (given.IsGivenAgain) return false;
            if (_byKey.TryGetValue(given.Key, out LinkedListNode<GivenClaim>? node) && node.Value == given) Remove(given.Key);
            return true;
        }
    }

    /// <summary>The lease of a delivery lasts as long from now on.</summary>
    public void OnExtended(string ns, string id, string token, TimeSpan lease)
    {
        lock (_gate)
        {
            if (_byDelivery.TryGetValue((ns, id, token), out GivenClaim? given))
            {
                GivenDelivery one = given.Deliveries.Find(one => one.Delivery.Id == id)!;
                one.LeaseEnd = Math.Max(one.LeaseEnd, time.GetTimestamp() + Ticks(lease)); // as in the store, it is never shortened
            }
        }
    }

    /// <summary>A delivery was ended, or the store says that it is gone.</summary>
    public void OnEnded(string ns, string id, string token)
    {
        lock (_gate)
        {
            if (!_byDelivery.Remove((ns, id, token), out GivenClaim? given)) return;
            int at = given.Deliveries.FindIndex(one => one.Delivery.Id == id);
            _bytes -= given.Deliveries[at].Bytes;
            given.Deliveries.RemoveAt(at);
            if (given.Deliveries.Count == 0) Remove(given.Key);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _sweeper?.Dispose();
        }
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * time.TimestampFrequency);

    // Needs the gate.
    private void Remove(ClaimKey key)
    {
        if (!_byKey.Remove(key, out LinkedListNode<GivenClaim>? node)) return;
        _byAge.Remove(node);
        foreach (GivenDelivery one in node.Value.Deliveries) _byDelivery.Remove((key.Namespace, one.Delivery.Id, one.Delivery.Token));
        _bytes -= node.Value.Bytes;
    }

    // Needs the gate. The timer keeps the context of no request.
    private void SweepLater()
    {
        if (_sweeper is null)
        {
            using AsyncFlowControl? flow = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
            _sweeper = time.CreateTimer(static self => ((ClaimAnswers)self!).Sweep(), this, _sweepInterval, Timeout.InfiniteTimeSpan);
        }
        else if (_byAge.Count == 1)
        {
            _sweeper.Change(_sweepInterval, Timeout.InfiniteTimeSpan);
        }
    }

    private void Sweep()
    {
        lock (_gate)
        {
            if (_disposed) return;
            long now = time.GetTimestamp();
            List<ClaimKey> over = [.. _byAge.Where(given => given.Deliveries.TrueForAll(one => one.LeaseEnd <= now)).Select(given => given.Key)];
            foreach (ClaimKey key in over) Remove(key);
            if (_byAge.Count > 0) _sweeper!.Change(_sweepInterval, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>What was given for one claim. All but the key belongs to the answers, under their gate.</summary>
    internal sealed class GivenClaim(ClaimKey key, List<GivenDelivery> deliveries)
    {
        public ClaimKey Key => key;

        /// <summary>Those that are not known to have ended.</summary>
        public List<GivenDelivery> Deliveries => deliveries;

        public long Bytes => deliveries.Sum(one => one.Bytes);

        public bool IsGivenAgain { get; set; }
    }

    internal sealed class GivenDelivery(TimerDelivery delivery, long leaseEnd)
    {
        public TimerDelivery Delivery => delivery;

        /// <summary>When its lease ends, as a timestamp.</summary>
        public long LeaseEnd { get; set; } = leaseEnd;

        public long Bytes { get; } = 512 + delivery.Payload.Length + delivery.Headers.Sum(header => 2L * (header.Key.Length + header.Value.Length));
    }
}
