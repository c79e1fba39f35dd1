namespace Latchwork.StoreConformance.Support;

/// <summary>Blocks every thread that the pool has, and those that it adds, until disposed.</summary>
public sealed class BlockedPool : IDisposable
{
    private readonly ManualResetEventSlim _release = new();
    private readonly CountdownEvent _blocked = new(Environment.ProcessorCount);
    private readonly CountdownEvent _left = new(1);

    public BlockedPool()
    {
        // The pool adds a thread or two a second: these are enough to block all of them for minutes.
        for (int i = 0; i < 300; i++)
        {
            _left.AddCount();
            ThreadPool.UnsafeQueueUserWorkItem(_ => Block(), null);
        }

        _blocked.Wait();
    }

    public void Dispose()
    {
        _release.Set();
        _left.Signal();
        _left.Wait();
        _release.Dispose();
        _blocked.Dispose();
        _left.Dispose();
    }

    private void Block()
    {
        if (!_release.IsSet)
        {
            lock (_blocked)
            {
                if (!_blocked.IsSet) _blocked.Signal();
            }

            _release.Wait();
        }

        _left.Signal();
    }
}
