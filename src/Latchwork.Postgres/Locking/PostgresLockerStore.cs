using Latchwork.Postgres.Connections;
using Latchwork.Postgres.Notifications;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Npgsql;

namespace Latchwork.Postgres.Locking;

/// <summary>
/// Locks on PostgreSQL. An operation reads the record of its key, lets it decide, and writes it back if nobody else has written it meanwhile; else it
/// does so again. So no row is locked while the program thinks, and a program that stops in between has changed nothing.
/// </summary>
internal sealed class PostgresLockerStore : ILockerStore, IDisposable
{
    /// <summary>The format of the records that this program works with.</summary>
    public const int Format = 1;

    /// <summary>How long a request waits for a row that somebody holds, in ms: others change a lock within milliseconds, and a transaction may take long.</summary>
    private const int PublicationWait = 250;

    private readonly SqlExecutor _executor;
    private readonly NotificationExchange _notifications;
    private readonly PostgresSettings _settings;
    private readonly OutcomeSweeper _sweeper;

    public PostgresLockerStore(SqlExecutor executor, NotificationExchange notifications, TimeProvider time)
    {
        _executor = executor;
        _notifications = notifications;
        _settings = executor.Settings;
        _sweeper = new OutcomeSweeper(executor, time);
    }

    /// <summary>What drops outcomes that are over.</summary>
    internal OutcomeSweeper Sweeper => _sweeper;

    public async Task OpenAsync(string ns, CancellationToken cancellationToken)
    {
        // Once the process listens, a subscription takes effect immediately: whoever subscribes and asks misses nothing.
        await _notifications.ListenAsync(cancellationToken).ConfigureAwait(false);
        await _executor.Work.RunAsync(
            "opening of a namespace",
            session =>
            {
                OpenNamespace(session, ns).Unsealed(ns);
                return _sweeper.Sweep(session); // what processes that have ended left behind
            },
            cancellationToken).ConfigureAwait(false);
    }

    public Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) =>
        ChangeAsync(_executor.Work, "request for a lock", key, (record, now) => (record.Request(request, now), false), cancellationToken, creates: true);

    public Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken) =>
        ChangeAsync(
            _executor.Renewals, "renewal of a lock", key, (record, now) => (record.Renew(fencingToken, nonce, lease, now), false), cancellationToken, static renewed => renewed);

    public Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken)
    {
        byte[] data = publication.Data.ToArray(); // the caller may write over its array
        return ChangeAsync(
            _executor.Work,
            "publication",
            key,
            (record, now) =>
            {
                PublishOutcome outcome = record.Publish(publication, data, now);
                return (outcome, outcome == PublishOutcome.Accepted);
            },
            cancellationToken,
            static outcome => outcome == PublishOutcome.Accepted);
    }

    public Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken) =>
        ChangeAsync(
            _executor.Work,
            "release of a lock",
            key,
            (record, now) => record.Release(fencingToken, nonce, now) ? (true, true) : (false, false),
            cancellationToken,
            static released => released);

    public Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        ChangeAsync(
            _executor.Work,
            "forgetting of a key",
            key,
            (record, now) =>
            {
                (bool wasLocked, bool wasKnown) = record.Forget(lockTimeout, now);
                return (wasKnown, wasLocked);
            },
            cancellationToken,
            tellsOwner: true);

    public Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken) =>
        _executor.Work.RunAsync(
            "reading of an outcome",
            session =>
            {
                if (Find(session, key)?.Unsealed(key.Namespace) is not { State: { } state } row) return null;
                try
                {
                    LockRecord record = Record(session, row, key);
                    LockerOutcome? outcome = record.TryGet(row.Now);
                    LockState after = record.Save();
                    if (after == state || after == state with { Outcome = null }) return outcome;
                }
                catch (RecordChangedException)
                {
                    // Between the record and its bytes somebody else has written it.
                }

                // That, or the clock went back behind what is written down, and the new time has to be noted.
                return Change(session, key, static (again, now) => (again.TryGet(now), false), null);
            },
            cancellationToken);

    public Task<KeySnapshot?> PeekAsync(LockerKey key, CancellationToken cancellationToken) =>
        _executor.Work.RunAsync(
            "look at a key",
            session => Find(session, key)?.Unsealed(key.Namespace) is { State: not null } row ? Record(session, row, key).Show(key.Key, row.Now) : null,
            cancellationToken);

    public Task AddCountsAsync(string ns, LockerStats counts, CancellationToken cancellationToken) =>
        _executor.Work.RunAsync(
            "counting of runs",
            session => AddCounts(session, OpenNamespace(session, ns).NamespaceId, counts),
            cancellationToken);

    public Task<LockerStats> GetStatsAsync(string ns, CancellationToken cancellationToken) =>
        _executor.Work.RunAsync(
            "reading of counts",
            session => Find(session, new LockerKey(ns, ""))?.Unsealed(ns) is not { } space
                ? new LockerStats(0, 0, 0)
                : ReadCounts(session, space.NamespaceId),
            cancellationToken);

    internal static int AddCounts(SqlSession session, int namespaceId, LockerStats counts) => session.Run(
        new SqlStatement(
            """
            INSERT INTO @schema@.lock_counts AS c VALUES ($1, $2, $3, $4) ON CONFLICT (namespace_id) DO UPDATE SET
                runs = c.runs + excluded.runs, takeovers = c.takeovers + excluded.takeovers, failures = c.failures + excluded.failures
            """).With(namespaceId).With(counts.Runs).With(counts.Takeovers).With(counts.Failures));

    internal static LockerStats ReadCounts(SqlSession session, int namespaceId) => session.Read(
        new SqlStatement("SELECT runs, takeovers, failures FROM @schema@.lock_counts WHERE namespace_id = $1").With(namespaceId),
        static rows => rows.Read() ? new LockerStats(rows.GetInt64(0), rows.GetInt64(1), rows.GetInt64(2)) : new LockerStats(0, 0, 0));

    public Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken)
    {
        byte[] after = ReadCursor(cursor);
        return _executor.Work.RunAsync(
            "list of locks",
            session =>
            {
                if (Find(session, new LockerKey(ns, ""))?.Unsealed(ns) is not { } space) return new LockerPage([], null);
                return session.Read(
                    new SqlStatement(
                        $"""
                        SELECT l.name, {LockRow.Columns} FROM @schema@.locks l
                        WHERE l.namespace_id = $1 AND l.name > $2 AND l.node IS NOT NULL ORDER BY l.name LIMIT $3
                        """).With(space.NamespaceId).With(after).With(limit),
                    rows => ReadPage(rows, limit, space.Now));
            },
            cancellationToken);
    }

    public Task<IAsyncDisposable> SubscribeAsync(LockerKey key, Action<LockerNotification?> onNotified, CancellationToken cancellationToken) =>
        _notifications.SubscribeAsync(key, onNotified, cancellationToken);

    public void Dispose() => _sweeper.Dispose();

    private static byte[] ReadCursor(string? cursor)
    {
        try
        {
            return cursor is null ? [] : Convert.FromHexString(cursor);
        }
        catch (FormatException e)
        {
            throw new ArgumentException("'cursor' must be the cursor of the page before.", nameof(cursor), e);
        }
    }

    /// <summary>The namespace of locks; it is made if there is none.</summary>
    internal LockRow OpenNamespace(SqlSession session, string ns)
    {
        var key = new LockerKey(ns, "");
        if (Find(session, key) is { } found) return found;
        session.Run(new SqlStatement("SELECT @schema@.lock_open($1, $2)").With(Utf8.Bytes(ns)).With(Format));
        return Find(session, key)!;
    }

    /// <summary>Reads a key; null if there is no such namespace.</summary>
    internal LockRow? Find(SqlSession session, LockerKey key) =>
        session.Read(LockRow.Statement(key, _settings), rows => rows.Read() ? LockRow.Read(rows, key.Namespace) : null);

    /// <summary>The record of a key: it reads the bytes of its outcome when it has to give them away.</summary>
    internal static LockRecord Record(SqlSession session, LockRow row, LockerKey key) =>
        row.State is null ? new LockRecord() : new LockRecord(row.State, () => ReadOutcome(session, row, key));

    /// <summary>Writes a record down if it changed. Answers false if somebody else has written it meanwhile.</summary>
    internal bool TrySave(SqlSession session, LockRow row, LockerKey key, LockState after, bool isAwaited, bool notify, bool tellsOwner = false, int? wait = null)
    {
        if (after == (row.State ?? new LockRecord().Save()) && isAwaited == row.IsAwaited) return true;
        bool tells = notify && (row.IsAwaited || tellsOwner);
        SqlStatement write = row.Write(key.Key, after, isAwaited && !tells, tells ? NotificationMessage.ForKey(key) : null, _settings, wait ?? _settings.LockWait);
        return session.Read(write, static rows => rows.Read() && rows.GetBoolean(0));
    }

    // The version is checked: bytes of a later outcome are not taken for those of this one.
    private static byte[]? ReadOutcome(SqlSession session, LockRow row, LockerKey key)
    {
        (bool isSame, byte[]? data) = session.Read(
            new SqlStatement("SELECT version, outcome FROM @schema@.locks WHERE namespace_id = $1 AND name = $2").With(row.NamespaceId).With(Utf8.Bytes(key.Key)),
            rows => rows.Read() && rows.GetInt64(0) == row.Version ? (true, rows.IsDBNull(1) ? null : rows.GetFieldValue<byte[]>(1)) : (false, null));
        return isSame ? data : throw new RecordChangedException();
    }

    private static LockerPage ReadPage(NpgsqlDataReader rows, int limit, long now)
    {
        var items = new List<KeySnapshot>();
        byte[]? last = null;
        int looked = 0;
        for (; rows.Read(); looked++)
        {
            last = rows.GetFieldValue<byte[]>(0);
            if (new LockRecord(LockRow.ReadState(rows, 1), static () => null).Show(Utf8.Text(last), now) is { IsLocked: true } snapshot) items.Add(snapshot);
        }

        return new LockerPage(items, looked == limit ? Convert.ToHexString(last!) : null);
    }

    /// <param name="lane">Where.</param>
    /// <param name="name">What it is called in messages.</param>
    /// <param name="key">The key.</param>
    /// <param name="act">Decides; it may be called again. Answers, too, whether those who wait are to be notified.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <param name="wasOwner">For what an owner does: whether the answer says that it is the owner. It may end its run even while the namespace is closed.</param>
    /// <param name="tellsOwner">Whether there is a notification even if nobody waits, as the owner is to get it.</param>
    /// <param name="creates">Whether a key, or a namespace, that is not known is made; without it nothing is written of it.</param>
    private Task<T> ChangeAsync<T>(
        SqlLane lane,
        string name,
        LockerKey key,
        Func<LockRecord, long, (T Answer, bool Notify)> act,
        CancellationToken cancellationToken,
        Func<T, bool>? wasOwner = null,
        bool tellsOwner = false,
        bool creates = false) =>
        lane.RunAsync(name, session => Change(session, key, act, wasOwner, tellsOwner, creates), cancellationToken);

    private T Change<T>(
        SqlSession session, LockerKey key, Func<LockRecord, long, (T Answer, bool Notify)> act, Func<T, bool>? wasOwner, bool tellsOwner = false, bool creates = false)
    {
        long since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if ((Find(session, key) ?? (creates ? OpenAndFind(session, key) : null)) is not { } row) return act(new LockRecord(), 0).Answer; // of what is not known, the time decides nothing
            if (wasOwner is null) row.Unsealed(key.Namespace);
            if (row.State is null && !creates)
            {
                row.Unsealed(key.Namespace);
                return act(new LockRecord(), row.Now).Answer;
            }

            LockRecord record = Record(session, row, key);
            try
            {
                (T answer, bool notify) = act(record, row.Now);
                if (wasOwner?.Invoke(answer) == false) row.Unsealed(key.Namespace);
                LockState after = record.Save();
                bool isAwaited = row.IsAwaited || answer is LockHeld;
                if (answer is LockerReply reply && row.State?.Lock is { } held)
                {
                    if (TrySaveReply(session, row, key, after, isAwaited, reply, held) is not { } saved) continue;
                    return (T)(object)saved;
                }

                if (TrySave(session, row, key, after, isAwaited, notify, tellsOwner))
                {
                    if (after.Outcome is { Data: { } } outcome) _sweeper.Schedule(outcome.UsableUntil, row.Now);
                    return answer;
                }
            }
            catch (RecordChangedException)
            {
                // Somebody else was faster: all is read again.
            }

            if (TimeProvider.System.GetElapsedTime(since) < _settings.CommandTimeout) continue;
            throw new LatchworkStoreException("Others changed the same key again and again, so that nothing was changed here.", StoreOutcome.NotApplied) { IsTransient = true };
        }
    }

    /// <summary>
    /// Writes down what the answer to a request changes in a lock that somebody has. If a transaction of the application holds the row, it publishes: until it has ended
    /// nobody gets the lock, and who asks waits as for any owner. It is not marked as waited for then, so that it is found by the poll.
    /// </summary>
    /// <returns>The answer; null if somebody else has written the record meanwhile.</returns>
    private LockerReply? TrySaveReply(SqlSession session, LockRow row, LockerKey key, LockState after, bool isAwaited, LockerReply reply, LockState.Held held)
    {
        try
        {
            return TrySave(session, row, key, after, isAwaited, notify: false, wait: Math.Min(_settings.LockWait, PublicationWait)) ? reply : null;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable && reply is (LockHeld or LockGranted))
        {
            return reply is LockHeld
                ? reply
                : new LockHeld(row.State!.FencingToken, held.NodeId, TimeSpan.FromSeconds(1), TimeSpan.FromMicroseconds(Math.Max(0, row.Now - held.Started)), held.Nonce);
        }
    }

    private LockRow OpenAndFind(SqlSession session, LockerKey key)
    {
        OpenNamespace(session, key.Namespace);
        return Find(session, key)!;
    }

    /// <summary>The record is not what it was when it was read.</summary>
    private sealed class RecordChangedException : Exception
    {
        public RecordChangedException()
            : base("The record was changed by somebody else meanwhile.")
        {
        }
    }
}
