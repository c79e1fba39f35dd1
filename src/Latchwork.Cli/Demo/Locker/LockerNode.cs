using System.Text;

namespace Latchwork.Cli.Demo.Locker;

/// <summary>One of the nodes: a locker of its own, a hundred callers, and work that may succeed, fail, or be killed in the middle of it.</summary>
internal sealed class LockerNode : IAsyncDisposable
{
    private readonly LockerBooks _books;
    private readonly DemoStory _story;
    private readonly SeverableStore _severable;
    private readonly ProcessLocker _locker;
    private readonly CancellationTokenSource _callers;
    private volatile bool _isKilled;
    private int _asked;
    private int _answered;
    private int _runs;
    private int _disposed;

    /// <summary>Creates a node.</summary>
    /// <param name="name">Its name and node id.</param>
    /// <param name="store">Its store; not disposed with it.</param>
    /// <param name="ns">The namespace.</param>
    /// <param name="books">Where it records what it does.</param>
    /// <param name="story">The clock of the act.</param>
    /// <param name="stop">Ends its callers early.</param>
    public LockerNode(string name, LatchworkStore store, string ns, LockerBooks books, DemoStory story, CancellationToken stop)
    {
        Name = name;
        _books = books;
        _story = story;
        _severable = new SeverableStore(store);
        _locker = new ProcessLocker(_severable, LockerPlan.Options(ns, name));
        _callers = CancellationTokenSource.CreateLinkedTokenSource(stop);
    }

    public string Name { get; }

    public bool IsKilled => _isKilled;

    /// <summary>Calls that have no answer yet.</summary>
    public int Waiting => Volatile.Read(ref _asked) - Volatile.Read(ref _answered);

    public int Answered => Volatile.Read(ref _answered);

    public int Runs => Volatile.Read(ref _runs);

    /// <summary>When it was killed, since the act began.</summary>
    public TimeSpan KilledAt { get; private set; }

    /// <summary>Makes sure that the node knows its store, so that calls wait for nothing but the key.</summary>
    public Task OpenAsync(CancellationToken cancellationToken) => _locker.ShowAsync(_books.Keys[0].Key, cancellationToken);

    /// <summary>Has every caller of this node ask for the keys.</summary>
    /// <returns>For each key a task that ends when all its calls have.</returns>
    public Dictionary<KeyRecord, Task> Ask(IReadOnlyList<KeyRecord> keys)
    {
        var calls = keys.ToDictionary(key => key, _ => new List<Task>(LockerPlan.Callers));
        for (int caller = 0; caller < LockerPlan.Callers; caller++)
        {
            foreach (KeyRecord key in keys) calls[key].Add(CallAsync(key));
        }

        return calls.ToDictionary(pair => pair.Key, pair => Task.WhenAll(pair.Value));
    }

    /// <summary>Kills this node, as if its machine's plug were pulled: nobody is told, and its work never ends.</summary>
    public void Kill()
    {
        KilledAt = _story.Elapsed;
        _isKilled = true;
        _severable.Sever();
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        await _callers.CancelAsync().ConfigureAwait(false);
        await _locker.DisposeAsync().ConfigureAwait(false);
        _callers.Dispose();
    }

    private async Task CallAsync(KeyRecord key)
    {
        Task<ReadOnlyMemory<byte>> call = _locker.RunOnceAsync(key.Key, (lease, stop) => WorkAsync(key, lease, stop), cancellationToken: _callers.Token);
        Interlocked.Increment(ref _asked);
        _books.Ask();
        try
        {
            ReadOnlyMemory<byte> result = await call.ConfigureAwait(false);
            Answer(key, new KeyAnswer(Name, Encoding.UTF8.GetString(result.Span), null, null));
        }
        catch (RunFailedException e)
        {
            Answer(key, new KeyAnswer(Name, null, e, null));
        }
        catch (Exception e) when (IsKilled && e is LatchworkStoreException or OperationCanceledException or LockTimeoutException)
        {
            key.CutOffOne();
        }
        catch (Exception e) when (e is LatchworkStoreException or LockTimeoutException)
        {
            Answer(key, new KeyAnswer(Name, null, null, e.Message));
        }
    }

    private void Answer(KeyRecord key, KeyAnswer answer)
    {
        _books.Answer(key, answer);
        Interlocked.Increment(ref _answered);
    }

    private async Task<ReadOnlyMemory<byte>> WorkAsync(KeyRecord key, WorkLease lease, CancellationToken stop)
    {
        KeyRun run = key.Begin(Name, _story.Elapsed, lease);
        Interlocked.Increment(ref _runs);
        try
        {
            // Everybody is to wait for this run, so it does not end before everybody has asked.
            await _books.AllAsked.WaitAsync(stop).ConfigureAwait(false);
            // The first run of this key is the one that is killed: it never gets to its end. Its token fires when its lease has run out.
            bool isToDie = key.Fate == KeyFate.OwnerDies && run.Number == 1;
            await Task.Delay(isToDie ? Timeout.InfiniteTimeSpan : LockerPlan.Work(key.Fate), TimeProvider.System, stop).ConfigureAwait(false);
            if (key.Fate != KeyFate.Fails) return run.Bytes;
            throw run.Failure = new InvalidOperationException($"no figures for July, said {Name} in run {run.Number}");
        }
        finally
        {
            run.End();
            if (IsKilled) await _callers.CancelAsync().ConfigureAwait(false);
        }
    }
}
