using System.Collections.Concurrent;

namespace Latchwork.StoreConformance.Engine;

/// <summary>A thread of its own that runs what it is given, as the reader of a connection would.</summary>
public sealed class ReaderThread : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];

    public ReaderThread()
    {
        Thread = new Thread(() =>
        {
            foreach (Action action in _work.GetConsumingEnumerable()) action();
        })
        { IsBackground = true, Name = "Reader" };
        Thread.Start();
    }

    public Thread Thread { get; }

    /// <summary>Runs an action on the thread.</summary>
    public Task RunAsync(Action action)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            action();
            done.SetResult();
        });
        return done.Task;
    }

    public void Dispose()
    {
        _work.CompleteAdding();
        Thread.Join();
        _work.Dispose();
    }
}
