using Latchwork.Postgres.Connections;
using Latchwork.Threading;

namespace Latchwork.Postgres.Locking;

/// <summary>
/// Drops outcomes when nobody can ask for them any more, whether or not another operation follows. It is set by what this process publishes, and by what it finds
/// when it begins. What another process leaves behind after that goes with the next that this one drops.
/// </summary>
internal sealed class OutcomeSweeper : IDisposable
{
    /// <summary>The most that one transaction drops.</summary>
    private const int Batch = 100;

    /// <summary>What is over within this time shares a transaction.</summary>
    private static readonly TimeSpan _shortest = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest that the alarm is set for: the clock may have been set meanwhile.</summary>
    private static readonly TimeSpan _longest = TimeSpan.FromHours(1);

    private static readonly TimeSpan _retry = TimeSpan.FromMinutes(1);

    private readonly SqlExecutor _executor;
    private readonly Alarm _alarm;
    private readonly Lock _gate = new();
    private long _alarmAt = long.MaxValue;

    public OutcomeSweeper(SqlExecutor executor, TimeProvider time)
    {
        _executor = executor;
        _alarm = AlarmClock.For(time).CreateAlarm(() => _ = SweepAsync());
    }

    /// <summary>Sees to it that an outcome is dropped at its time.</summary>
    /// <param name="at">When it is over, in µs.</param>
    /// <param name="now">Now.</param>
    public void Schedule(long at, long now)
    {
        lock (_gate)
        {
            if (at >= _alarmAt) return;
            _alarmAt = at;
            var delay = TimeSpan.FromMicroseconds(Math.Min(at - now, (long)_longest.TotalMicroseconds));
            _alarm.Set(delay < _shortest ? _shortest : delay);
        }
    }

    /// <summary>Drops what is over, and sees to it that what is there is dropped at its time.</summary>
    /// <returns>Whether there may be more.</returns>
    public bool Sweep(SqlSession session)
    {
        lock (_gate) _alarmAt = long.MaxValue;
        (int dropped, long? next, long now) = session.Read(
            new SqlStatement("SELECT dropped, next_at, @schema@.clock($1) FROM @schema@.lock_sweep($1, $2)").With(_executor.Settings.Clock).With(Batch),
            static rows => rows.Read()
                ? (rows.GetInt32(0), rows.IsDBNull(1) ? (long?)null : rows.GetInt64(1), rows.GetInt64(2))
                : throw new InvalidOperationException("lock_sweep gave no row."));
        if (dropped == Batch) return true;
        if (next is { } at) Schedule(at, now);
        return false;
    }

    public void Dispose() => _alarm.Dispose();

    private async Task SweepAsync()
    {
        try
        {
            while (await _executor.Work.RunAsync("sweep", Sweep, CancellationToken.None).ConfigureAwait(false))
            {
            }
        }
        catch (ObjectDisposedException)
        {
            // The store was closed.
        }
#pragma warning disable CA1031 // nobody waits for it
        catch (Exception e)
#pragma warning restore CA1031
        {
            _alarm.Set(_retry);
            if (CallerThread.IsShared) await CallerThread.Yield(); // a log may take its time
            _executor.Log.SweepFailed(e.Message);
        }
    }
}
