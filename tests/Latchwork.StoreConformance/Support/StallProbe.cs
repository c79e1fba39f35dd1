using System.Diagnostics;

namespace Latchwork.StoreConformance.Support;

/// <summary>A thread that sleeps for 20 ms again and again, and notes for how long at most it did not have its turn: how far a busy machine stood still.</summary>
public sealed class StallProbe : IDisposable
{
    private static readonly TimeSpan _step = TimeSpan.FromMilliseconds(20);
    private readonly ManualResetEventSlim _end = new();
    private readonly Thread _thread;
    private long _longest;

    /// <summary>Begins.</summary>
    public StallProbe()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "Stall probe" };
        _thread.Start();
    }

    /// <summary>The longest time by which it was late.</summary>
    public TimeSpan Longest => new(Interlocked.Read(ref _longest));

    /// <inheritdoc/>
    public void Dispose()
    {
        _end.Set();
        _thread.Join();
        _end.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            long from = Stopwatch.GetTimestamp();
            if (_end.Wait(_step)) return;
            long late = (Stopwatch.GetElapsedTime(from) - _step).Ticks;
            if (late > _longest) Interlocked.Exchange(ref _longest, late);
        }
    }
}
