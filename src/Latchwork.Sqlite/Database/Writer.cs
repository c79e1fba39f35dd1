using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Latchwork.Sqlite.Database;

/// <summary>
/// The one thread of a store that writes. What waits goes into one transaction (group commit), so many callers share one sync of the disk;
/// it is acknowledged, and notifications are sent, after the commit.
/// </summary>
/// <remarks>
/// What happens if each step is the last of this process: before the commit nothing was acknowledged and SQLite forgets the transaction when
/// the file is next opened; between commit and acknowledgement the effect is there and the caller is gone with the process; a notification that was
/// not sent costs its listener the wait until its next poll.
/// </remarks>
internal sealed class Writer : WorkThread<WriteScope>
{
    /// <summary>After how long a transaction takes no more operations, so that other processes and the first callers do not wait long.</summary>
    private static readonly TimeSpan _fill = TimeSpan.FromMilliseconds(20);

    /// <summary>After how long without a pause the writer makes one: SQLite's lock has no queue, and another process finds it free only by trying.</summary>
    private static readonly TimeSpan _share = TimeSpan.FromMilliseconds(25);

    private readonly SqliteFile _file;
    private readonly WriteScope _scope;
    private readonly StoreErrors _errors;
    private readonly TimeSpan _busyTimeout;
    private readonly bool _syncAlways;
    private bool _syncs;
    private long _lastEnd;
    private long _lastPause;
    private long _commits;

    public Writer(SqliteFile file, WriteScope scope, StoreErrors errors, SqliteSettings settings)
        : base("Latchwork SQLite writer", settings.MaxQueued)
    {
        _file = file;
        _scope = scope;
        _errors = errors;
        _busyTimeout = settings.BusyTimeout;
        _syncAlways = settings.Synchronous == SqliteSynchronous.Full;
        file.SetBusyTimeout(TimeSpan.Zero); // this thread waits in its own way
        file.Execute("PRAGMA synchronous = NORMAL");
        Thread.UnsafeStart();
    }

    /// <summary>How many transactions were committed.</summary>
    public long Commits => Volatile.Read(ref _commits);

    /// <summary>Whether the last transaction was committed with a sync of the disk.</summary>
    public bool LastWasSynced => Volatile.Read(ref _syncs);

    protected override void Process(IReadOnlyList<IWorkItem<WriteScope>> items)
    {
        ShareTheLock();
        for (int next = 0; next < items.Count;) next = Transact(items, next, alone: false);
        _lastEnd = TimeProvider.System.GetTimestamp();
    }

    protected override void Release() => _file.Dispose();

    /// <summary>Does operations from an index on in one transaction.</summary>
    /// <returns>The index of the first that it did not do.</returns>
    private int Transact(IReadOnlyList<IWorkItem<WriteScope>> items, int from, bool alone)
    {
        int next = from;
        bool committing = false;
        try
        {
            Begin(NeedsSync(items, from, alone));
            long began = TimeProvider.System.GetTimestamp();
            while (next < items.Count)
            {
                IWorkItem<WriteScope> item = items[next++];
                if (!item.IsAbandoned) item.Execute(_scope);
                if (alone || TimeProvider.System.GetElapsedTime(began) > _fill) break;
            }

            _scope.Save();
            committing = true;
            _file["COMMIT"].Run();
            Volatile.Write(ref _commits, _commits + 1);
        }
#pragma warning disable CA1031 // whatever it was, those who wait must be notified, and the thread must continue
        catch (Exception e)
#pragma warning restore CA1031
        {
            Undo();
            return FailOrRepeat(items, from, next, e, committing);
        }

        _scope.SendNotifications();
        for (int i = from; i < next; i++) items[i].Succeed();
        return next;
    }

    /// <summary>One operation of many failed: each is done again on its own, so that only the one to blame fails.</summary>
    private int FailOrRepeat(IReadOnlyList<IWorkItem<WriteScope>> items, int from, int next, Exception failure, bool committing)
    {
        bool neverBegan = next == from;
        if (committing || neverBegan || next == from + 1)
        {
            Exception told = _errors.Explain(failure, committing);
            int end = neverBegan ? items.Count : next; // the database itself is not to be had
            for (int failed = from; failed < end; failed++) items[failed].Fail(told);
            return end;
        }

        // If the database itself is not to be had, the first of them fails all, and nothing is tried again.
        int i = from;
        while (i < next) i = Transact(items, i, alone: true);
        return i;
    }

    private void Begin(bool sync)
    {
        if (sync != _syncs)
        {
            _file.Execute(sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
            _syncs = sync;
        }

        long began = TimeProvider.System.GetTimestamp();
        for (int attempt = 0; ; attempt++)
        {
            int code = _file["BEGIN IMMEDIATE"].TryRun();
            if (code == raw.SQLITE_DONE) break;
            bool isBusy = (code & 0xFF) is raw.SQLITE_BUSY or raw.SQLITE_LOCKED;
            if (!isBusy || TimeProvider.System.GetElapsedTime(began) > _busyTimeout) throw _file.Failure(code);
            if (attempt < 3) Thread.Yield();
            else Thread.Sleep(attempt < 30 ? 1 : Random.Shared.Next(1, 5));
        }

        _scope.Begin();
    }

    private void Undo()
    {
        _scope.Forget();
        if (!_file.InTransaction) return; // SQLite has undone it by itself
        try
        {
            _file["ROLLBACK"].Run();
        }
        catch (SqliteException e)
        {
            _errors.Log.RollbackFailed(e); // the next BEGIN says what is wrong, to those who then wait
        }
    }

    private bool NeedsSync(IReadOnlyList<IWorkItem<WriteScope>> items, int from, bool alone)
    {
        if (!_syncAlways) return false;
        for (int i = from; i < (alone ? from + 1 : items.Count); i++)
        {
            if (items[i].IsDurable) return true;
        }

        return false;
    }

    private void ShareTheLock()
    {
        long now = TimeProvider.System.GetTimestamp();
        bool rested = TimeProvider.System.GetElapsedTime(_lastEnd, now) >= TimeSpan.FromMilliseconds(1);
        if (!rested && TimeProvider.System.GetElapsedTime(_lastPause, now) < _share) return;
        if (!rested) Thread.Sleep(1);
        _lastPause = now;
    }
}
