namespace Latchwork.Cli.Demo;

/// <summary>What the demo knows of an act. It comes from the nodes' reports alone; the store is asked only at the end. One lock guards all of it.</summary>
internal abstract class DemoBooks
{
    private readonly List<(Func<bool> Condition, TaskCompletionSource Reached)> _waiting = [];

    /// <summary>Guards the books.</summary>
    protected Lock Gate { get; } = new();

    /// <summary>Waits until the books say something.</summary>
    /// <param name="condition">Asked under the lock, after every report.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task UntilAsync(Func<bool> condition, CancellationToken cancellationToken)
    {
        lock (Gate)
        {
            if (condition()) return Task.CompletedTask;
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((condition, reached));
            return reached.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Reads under the lock.</summary>
    public T Read<T>(Func<T> read)
    {
        lock (Gate) return read();
    }

    /// <summary>Changes the books, and wakes those who waited for it.</summary>
    protected void Write(Action write)
    {
        lock (Gate)
        {
            write();
            for (int i = _waiting.Count - 1; i >= 0; i--)
            {
                if (!_waiting[i].Condition()) continue;
                _waiting[i].Reached.TrySetResult();
                _waiting.RemoveAt(i);
            }
        }
    }
}
