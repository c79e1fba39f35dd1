namespace Latchwork.Threading;

/// <summary>A token that costs nothing until somebody asks for it: most are never looked at, nor ever fire.</summary>
internal sealed class LazyCancellation
{
    private readonly Lock _gate = new();
    private CancellationTokenSource? _source;
    private bool _isCancelled;

    public CancellationToken Token
    {
        get
        {
            lock (_gate)
            {
                if (_source is null && _isCancelled) return new CancellationToken(canceled: true);
                return (_source ??= new CancellationTokenSource()).Token;
            }
        }
    }

    /// <summary>Fires. The token's state changes immediately; callbacks, which are code of users, run on the pool.</summary>
    /// <returns>A task that ends with the callbacks, and fails if one does.</returns>
    public Task CancelAsync()
    {
        CancellationTokenSource? source;
        lock (_gate)
        {
            _isCancelled = true;
            source = _source;
        }

        return source?.CancelAsync() ?? Task.CompletedTask;
    }
}
