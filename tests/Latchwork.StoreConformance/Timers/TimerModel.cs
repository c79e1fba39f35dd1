using Latchwork.Storage;

namespace Latchwork.StoreConformance.Timers;

/// <summary>
/// What a timer store is to answer, as simply as it can be said: one dictionary and linear scans. It keeps no roles, rotation or poll slots, as
/// the contract does not promise who is woken.
/// </summary>
/// <param name="now">The store's time.</param>
public sealed class TimerModel(DateTimeOffset now)
{
    private readonly Dictionary<string, ModelEvent> _events = [];
    private readonly Dictionary<string, ModelNode> _nodes = [];
    private readonly Dictionary<string, ModelCompleted> _completed = [];
    private long _trimmed;
    private TimeSpan _offset; // by how much the server's clock went back in all

    /// <summary>The schedules whose occurrences some of the events are.</summary>
    public ScheduleModel Schedules { get; } = new();

    /// <summary>What has happened.</summary>
    public TimerCounts Counts { get; private set; } = TimerCounts.Zero;

    /// <summary>Who paused it; null if it is not paused.</summary>
    public TimerPause? Pause { get; private set; }

    /// <summary>The partition's time. Tests let it pass; it stands still when the server's clock goes back.</summary>
    public DateTimeOffset Now { get; set; } = now;

    /// <summary>The server's time.</summary>
    public DateTimeOffset RawNow => Now - _offset;

    /// <summary>A time of the partition as it is shown.</summary>
    public DateTimeOffset Show(DateTimeOffset time) => time - Ahead;

    /// <summary>The server's clock goes back: what is due at an absolute time is due then by that clock, and everything else when it was.</summary>
    public void StepBack(TimeSpan span)
    {
        _offset += span;
        foreach (ModelEvent e in Events.Where(e => e.State != TimerState.DeadLettered && e.Raw + Ahead > e.Due))
        {
            e.Due = e.Raw!.Value + Ahead;
            if (e.State == TimerState.Scheduled) e.At = e.Due;
        }
    }

    public IEnumerable<ModelEvent> Events => _events.Values;

    public IReadOnlyDictionary<string, ModelNode> Nodes => _nodes;

    /// <summary>Whether the last claim ended an occurrence for which another one waited: a store may say so in the answer, or notify the node right after it.</summary>
    public bool HasFreed { get; private set; }

    /// <summary>The most nodes that there were at a time: a node may keep a poll slot from then.</summary>
    public int MostNodes { get; private set; }

    public TimerStats Stats => new(
        Count(TimerState.Scheduled), Count(TimerState.InFlight), Count(TimerState.DeadLettered), _trimmed, DueNow().Select(e => (TimeSpan?)(Now - e.Due)).Max())
    { Pause = Pause, Counters = new TimerCounters { Totals = Counts } };

    /// <summary>When the next event or lease falls due that somebody is to come for: in a pause none is.</summary>
    public DateTimeOffset? Head => Pause is not null ? null : Events.Where(e => e.State != TimerState.DeadLettered).Select(e => (DateTimeOffset?)e.At).Min();

    /// <summary>The completed events, the last first.</summary>
    public IReadOnlyList<ModelCompleted> Completed =>
        [.. _completed.Values.OrderByDescending(line => line.CompletedAt).ThenByDescending(line => Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(line.Id)), StringComparer.Ordinal)];

    public ModelCompleted? FindCompleted(string id) => _completed.GetValueOrDefault(id);

    public ModelEvent? Find(string id) => _events.GetValueOrDefault(id);

    public IEnumerable<ModelEvent> InOrder(TimerState state) =>
        Events.Where(e => e.State == state).OrderBy(e => e.At).ThenBy(e => Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(e.Id)), StringComparer.Ordinal);

    public PostOutcome Post(TimerEntry entry)
    {
        ModelEvent? existing = Find(entry.Id);
        bool alive = existing is not null && existing.State != TimerState.DeadLettered;
        if (alive && entry.IfExists == IfExists.Keep) return PostOutcome.Kept;
        if (alive && entry.IfExists == IfExists.Fail) return PostOutcome.Exists;
        Counts = Counts with { Posted = Counts.Posted + 1, Replaced = Counts.Replaced + (existing is null ? 0 : 1) };
        _events[entry.Id] = new ModelEvent(entry.Id, entry.Payload.ToArray(), entry.MaxRetries) { At = Resolve(entry.Due), Due = Resolve(entry.Due), Raw = RawOf(entry.Due) };
        return existing is null ? PostOutcome.Created : PostOutcome.Replaced;
    }

    /// <summary>The events that a claim may return. In a backlog the oldest and the newest are taken in turn, from either end first.</summary>
    public IReadOnlyList<IReadOnlyList<ModelEvent>> Claimable(ClaimRequest request)
    {
        HasFreed = false;
        Dictionary<string, DateTimeOffset?> waiting = InOrder(TimerState.Scheduled).ToDictionary(e => e.Id, e => (DateTimeOffset?)e.Due);
        TakeBack(request);
        if (_nodes.TryGetValue(request.NodeId, out ModelNode? node) && node.ClaimToken == request.ClaimToken)
        {
            return [[.. node.ClaimedIds.Select(Find).OfType<ModelEvent>().Where(e => e.State == TimerState.InFlight && e.Token == request.ClaimToken)]];
        }

        ModelEvent[] due = [.. DueNow()];
        int max = Pause is null ? Math.Min(request.Max, request.Capacity) : 0;
        // Some stores note the end of an occurrence right after the claim that brought it about: what waited for that end is then due from the next claim on.
        ModelEvent[] before = [.. due.Where(e => waiting.GetValueOrDefault(e.Id) is not { } was || was == e.Due)];
        HasFreed = before.Length < due.Length;
        return [.. Choices(due, max), .. HasFreed ? Choices(before, max) : []];
    }

    /// <summary>Moves what was claimed in flight.</summary>
    public void Claim(ClaimRequest request, IReadOnlyList<ModelEvent> claimed)
    {
        DateTimeOffset deadline = Ceiling(Now + request.LeaseDuration);
        foreach (ModelEvent e in claimed)
        {
            bool renewed = e.State == TimerState.InFlight;
            if (ScheduleModel.ScheduleOf(e.Id) is not null) e.FirstClaimed ??= Now;
            if (!renewed) e.ClaimedAt = Floor(Now);
            (e.State, e.Token, e.NodeId, e.At) = (TimerState.InFlight, request.ClaimToken, request.NodeId, renewed && e.At > deadline ? e.At : deadline);
        }

        bool repeated = _nodes.TryGetValue(request.NodeId, out ModelNode? node) && node.ClaimToken == request.ClaimToken;
        if (!repeated) Counts = Counts with { Delivered = Counts.Delivered + claimed.Count };
        _nodes[request.NodeId] = new ModelNode(request.ClaimToken, repeated ? node!.ClaimedIds : [.. claimed.Select(e => e.Id)], request.Held + claimed.Count, Now);
        MostNodes = Math.Max(MostNodes, _nodes.Count);
    }

    public IReadOnlyList<TimerOutcome> Confirm(IReadOnlyList<DeliveryKey> keys, CompletedLimits limits)
    {
        TimerOutcome[] outcomes = [.. keys.Select(key => Confirm(key, limits))];
        if (outcomes.Contains(TimerOutcome.Done)) TrimCompleted(limits);
        return outcomes;
    }

    private TimerOutcome Confirm(DeliveryKey key, CompletedLimits limits) => IfHeld(key, e =>
    {
        _events.Remove(e.Id);
        if (limits.Keeps) _completed[e.Id] = new ModelCompleted(e.Id, Show(e.Due), Show(e.ClaimedAt), Floor(RawNow), e.NodeId!, e.Retries, e.MaxRetries, limits.Outcome);
        Schedules.Ended(this, e.Id, OccurrenceOutcome.Succeeded);
        Counts = Counts with { Confirmed = Counts.Confirmed + 1 };
    });

    public TimerOutcome Extend(DeliveryKey key, TimeSpan lease) => IfHeld(key, e => e.At = e.At > Ceiling(Now + lease) ? e.At : Ceiling(Now + lease));

    public TimerOutcome Release(DeliveryKey key) => IfHeld(key, HandBack);

    public IReadOnlyList<TimerOutcome> Fail(IReadOnlyList<TimerFailure> failures, DeadLetterLimits limits)
    {
        TimerOutcome[] outcomes = [.. failures.Select(Fail)];
        if (outcomes.Contains(TimerOutcome.DeadLettered)) Trim(limits);
        return outcomes;
    }

    public TimerOutcome Cancel(string id, bool revoke)
    {
        if (Find(id) is not ModelEvent e) return TimerOutcome.NotFound;
        if (e.State == TimerState.InFlight && !revoke) return TimerOutcome.InFlight;
        _events.Remove(id);
        if (e.State != TimerState.DeadLettered) Schedules.Ended(this, id, OccurrenceOutcome.Cancelled);
        if (e.State != TimerState.DeadLettered) Counts = Counts with { Cancelled = Counts.Cancelled + 1 };
        return TimerOutcome.Done;
    }

    /// <summary>Removes an occurrence that its schedule does not want any more, whatever its state.</summary>
    public void Remove(string id)
    {
        if (_events.Remove(id)) Counts = Counts with { Cancelled = Counts.Cancelled + 1 };
    }

    public TimerOutcome ChangeDelay(string id, Due due)
    {
        if (Find(id) is not ModelEvent e) return TimerOutcome.NotFound;
        if (e.State == TimerState.InFlight) return TimerOutcome.InFlight;
        if (e.State == TimerState.DeadLettered) return TimerOutcome.DeadLettered;
        e.Schedule(Resolve(due), RawOf(due));
        return TimerOutcome.Done;
    }

    public TimerOutcome Requeue(DeadLetterKey key, Due due) => IfDeadLettered(key, e =>
    {
        e.Retries = 0;
        e.Interruptions = 0;
        e.Schedule(Resolve(due), RawOf(due));
    });

    public TimerOutcome Purge(DeadLetterKey key) => IfDeadLettered(key, e => _events.Remove(e.Id));

    public void Leave(string node) => _nodes.Remove(node);

    public TimerPause SetPause(string by, string reason) => Pause ??= new TimerPause(by, Floor(RawNow), reason);

    public TimerPause? Resume()
    {
        TimerPause? ended = Pause;
        Pause = null;
        return ended;
    }

    /// <summary>The scheduled events within a window that is counted from now.</summary>
    public IEnumerable<ModelEvent> Upcoming(TimeSpan? offset, TimeSpan? duration) => InOrder(TimerState.Scheduled)
        .Where(e => offset is null || e.Due >= Now + offset)
        .Where(e => duration is null || e.Due < Now + (offset ?? TimeSpan.Zero) + duration);

    public static DateTimeOffset Floor(DateTimeOffset time) => time.AddTicks(-(time.Ticks % TimeSpan.TicksPerMillisecond));

    private static DateTimeOffset Ceiling(DateTimeOffset time) => Floor(time) == time ? time : Floor(time).AddMilliseconds(1);

    private static List<ModelEvent> Fitting(IEnumerable<ModelEvent> events, int max)
    {
        var fitting = new List<ModelEvent>();
        foreach (ModelEvent e in events.Take(max))
        {
            if (fitting.Count > 0 && fitting.Sum(f => f.Payload.Length) + e.Payload.Length > Limits.MaxBatchBytes) break;
            fitting.Add(e);
        }

        return fitting;
    }

    private IReadOnlyList<ModelEvent>[] Choices(ModelEvent[] due, int max) =>
        due.Length == 0 || Floor(Now) - due[0].Due <= TimeSpan.FromMilliseconds(100)
            ? [Fitting(due, max)]
            : [Alternate(due, max, newestFirst: false), Alternate(due, max, newestFirst: true)];

    private static List<ModelEvent> Alternate(ModelEvent[] due, int max, bool newestFirst)
    {
        var left = new LinkedList<ModelEvent>(due);
        var order = new List<ModelEvent>();
        for (bool newest = newestFirst; left.Count > 0; newest = !newest)
        {
            ModelEvent next = newest ? left.Last!.Value : left.First!.Value;
            order.Add(next);
            left.Remove(next);
        }

        return [.. Fitting(order, max).OrderBy(e => Array.IndexOf(due, e))];
    }

    private long Count(TimerState state) => Events.Count(e => e.State == state);

    private IEnumerable<ModelEvent> DueNow() => InOrder(TimerState.Scheduled).Where(e => e.Due <= Now);

    private TimeSpan Ahead => TimeSpan.FromMilliseconds(Math.Ceiling(_offset.TotalMilliseconds));

    private static DateTimeOffset? RawOf(Due due) => due.IsAbsolute ? Ceiling(DateTimeOffset.UnixEpoch + due.Value) : null;

    private DateTimeOffset Resolve(Due due)
    {
        DateTimeOffset at = RawOf(due) + Ahead ?? Ceiling(Now + due.Value);
        return at > Now ? at : Floor(Now);
    }

    private void TakeBack(ClaimRequest request)
    {
        bool died = false;
        foreach (ModelEvent e in InOrder(TimerState.InFlight).Where(e => e.At <= Now).ToArray())
        {
            Counts = Counts with { ExpiredLeases = Counts.ExpiredLeases + 1 };
            if (Schedules.HasNotBegun(e.Id))
            {
                e.Schedule(e.Due, e.Raw);
                continue;
            }

            DateTimeOffset deadline = e.At;
            died |= !Spend(e, e.NodeId!, "lease expired", deadline, DeadLetterReason.LeaseExpired);
        }

        if (died || request.Max > 0) Trim(request.DeadLetters);
        if (request.Max > 0) TrimCompleted(request.Completed);
    }

    private TimerOutcome Fail(TimerFailure failure)
    {
        bool again = false;
        TimerOutcome outcome = IfHeld(failure.Delivery, e =>
        {
            if (failure.IsInterruption && ++e.Interruptions <= 9)
            {
                HandBack(e);
                again = true;
                return;
            }

            Counts = Counts with { Failed = Counts.Failed + 1 };
            again = Spend(e, failure.NodeId, failure.Error, failure.RetryIn is TimeSpan delay ? Ceiling(Now + delay) : null, failure.Reason);
        });
        return outcome == TimerOutcome.Done && !again ? TimerOutcome.DeadLettered : outcome;
    }

    private bool Spend(ModelEvent e, string node, string error, DateTimeOffset? next, DeadLetterReason reason)
    {
        e.Failures = [.. e.Failures.TakeLast(9), new AttemptFailure(e.Retries + 1, node, Floor(Now), error)];
        if (next is not null && e.Retries < e.MaxRetries)
        {
            e.Retries++;
            e.Schedule(next.Value);
            return true;
        }

        Counts = reason switch
        {
            DeadLetterReason.RetriesExhausted => Counts with { RetriesExhausted = Counts.RetriesExhausted + 1 },
            DeadLetterReason.LeaseExpired => Counts with { LeaseExpired = Counts.LeaseExpired + 1 },
            DeadLetterReason.Rejected => Counts with { Rejected = Counts.Rejected + 1 },
            DeadLetterReason.DeserializationFailed => Counts with { DeserializationFailed = Counts.DeserializationFailed + 1 },
            _ => Counts with { RecordDamaged = Counts.RecordDamaged + 1 },
        };
        (e.State, e.At, e.Raw, e.Reason, e.Token, e.NodeId) = (TimerState.DeadLettered, Floor(Now), null, reason, null, null);
        Schedules.Ended(this, e.Id, OccurrenceOutcome.DeadLettered);
        return false;
    }

    private void HandBack(ModelEvent e)
    {
        e.Schedule(e.Due, e.Raw);
        Counts = Counts with { HandedBack = Counts.HandedBack + 1 };
    }

    private void Trim(DeadLetterLimits limits)
    {
        foreach (ModelEvent e in InOrder(TimerState.DeadLettered).ToArray())
        {
            if (Count(TimerState.DeadLettered) <= limits.MaxCount && Floor(Now) - e.At <= limits.Retention) return;
            _events.Remove(e.Id);
            _trimmed++;
        }
    }

    private void TrimCompleted(CompletedLimits limits)
    {
        if (!limits.Keeps) return;
        foreach (ModelCompleted line in Completed.Reverse().Where(line => line.CompletedAt > Floor(RawNow)))
        {
            if (_completed.Count > limits.MaxCount) _completed.Remove(line.Id);
        }

        foreach (ModelCompleted line in Completed.Reverse())
        {
            if (_completed.Count <= limits.MaxCount && Floor(RawNow) - line.CompletedAt <= limits.Retention) return;
            _completed.Remove(line.Id);
        }
    }

    private TimerOutcome IfHeld(DeliveryKey key, Action<ModelEvent> act)
    {
        if (Find(key.Id) is not ModelEvent e) return TimerOutcome.NotFound;
        if (e.State != TimerState.InFlight || e.Token != key.Token) return TimerOutcome.Stale;
        act(e);
        return TimerOutcome.Done;
    }

    private TimerOutcome IfDeadLettered(DeadLetterKey key, Action<ModelEvent> act)
    {
        if (Find(key.Id) is not ModelEvent { State: TimerState.DeadLettered } e || (key.DeadLetteredAt ?? Show(e.At)) != Show(e.At)) return TimerOutcome.NotFound;
        act(e);
        return TimerOutcome.Done;
    }
}

/// <summary>A node of the model.</summary>
public sealed record ModelNode(string ClaimToken, IReadOnlyList<string> ClaimedIds, int Held, DateTimeOffset LastSeen);
