namespace Latchwork.StoreConformance.Engine;

/// <summary>Lets calls through side by side, and one that wants to be alone when all of them have ended.</summary>
internal sealed class QuietGate
{
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(60);
    private readonly SemaphoreSlim _alone = new(1);
    private readonly Lock _gate = new();
    private TaskCompletionSource? _opens;
    private TaskCompletionSource? _empties;
    private int _inside;

    /// <summary>Makes a call, when nobody is alone.</summary>
    public async Task<T> EnterAsync<T>(Func<Task<T>> call)
    {
        while (true)
        {
            Task opens;
            lock (_gate)
            {
                if (_opens is null)
                {
                    _inside++;
                    break;
                }

                opens = _opens.Task;
            }

            await opens.ConfigureAwait(false);
        }

        try
        {
            return await call().ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                if (--_inside == 0) _empties?.TrySetResult();
            }
        }
    }

    /// <summary>Waits for the calls under way, and keeps others waiting until something is done.</summary>
    public async Task<T> WhileQuietAsync<T>(Func<Task<T>> act)
    {
        await _alone.WaitAsync(_timeout);
        try
        {
            Task empties;
            lock (_gate)
            {
                _opens = new(TaskCreationOptions.RunContinuationsAsynchronously);
                _empties = new(TaskCreationOptions.RunContinuationsAsynchronously);
                if (_inside == 0) _empties.SetResult();
                empties = _empties.Task;
            }

            await empties.WaitAsync(_timeout);
            return await act();
        }
        finally
        {
            lock (_gate)
            {
                _opens?.SetResult();
                (_opens, _empties) = (null, null);
            }

            _alone.Release();
        }
    }
}
