using Latchwork.Sqlite.Database;
using Latchwork.Threading;

namespace Latchwork.Sqlite.Locking;

/// <summary>
/// Drops the bytes of outcomes when nobody can ask for them any more, whether or not another operation follows. It is set by what this process
/// publishes, and by what it finds when it begins. What another process leaves behind after that goes with the operations that follow.
/// </summary>
/// <remarks>What it knows belongs to the writer's thread.</remarks>
internal sealed class OutcomeSweeper : IDisposable
{
    /// <summary>The most that one transaction drops.</summary>
    private const int Batch = 20;

    /// <summary>What is over within this time shares a transaction.</summary>
    private static readonly TimeSpan _shortest = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest that the alarm is set for: the clock may have been set meanwhile.</summary>
    private static readonly TimeSpan _longest = TimeSpan.FromHours(1);

    private static readonly TimeSpan _retry = TimeSpan.FromMinutes(1);

    private readonly Writer _writer;
    private readonly SqliteLog _log;
    private readonly Alarm _alarm;
    private long _alarmAt = long.MaxValue;

    public OutcomeSweeper(Writer writer, TimeProvider time, SqliteLog log)
    {
        _writer = writer;
        _log = log;
        _alarm = AlarmClock.For(time).CreateAlarm(() => _ = SweepAsync());
    }

    /// <summary>Sees to it that an outcome is dropped at its time.</summary>
    public void Schedule(long at, long now)
    {
        if (at >= _alarmAt) return;
        _alarmAt = at;
        var delay = TimeSpan.FromMicroseconds(at - now);
        _alarm.Set(delay < _shortest ? _shortest : delay < _longest ? delay : _longest);
    }

    /// <summary>Sees to it that what there is is dropped at its time.</summary>
    public void Schedule(WriteScope scope)
    {
        if (OutcomeRows.Next(scope.File) is { } next) Schedule(next, scope.Microseconds);
    }

    public void Dispose() => _alarm.Dispose();

    private async Task SweepAsync()
    {
        try
        {
            while (await _writer.RunAsync(Sweep, isDurable: false, CancellationToken.None).ConfigureAwait(false))
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
            _log.SweepFailed(e.Message);
        }
    }

    /// <returns>Whether there may be more.</returns>
    private bool Sweep(WriteScope scope)
    {
        _alarmAt = long.MaxValue;
        if (OutcomeRows.Sweep(scope.File, scope.Microseconds, Batch) == Batch) return true;
        Schedule(scope);
        return false;
    }
}
