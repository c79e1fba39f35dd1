namespace Latchwork.Threading;

/// <summary>A token that costs nothing until somebody asks for it: most are never looked at, nor ever fire.</summary>
internal sealed class LazyCancellation
{
    private static readonly CancellationTokenSource _fired = new();
    private CancellationTokenSource? _source; // null until it is asked for; _fired if it has fired before

    public CancellationToken Token
    {
        get
        {
            CancellationTokenSource? source = Volatile.Read(ref _source);
            if (source is null)
            {
                var made = new CancellationTokenSource();
                source = Interlocked.CompareExchange(ref _source, made, null) ?? made;
            }

            return ReferenceEquals(source, _fired) ? new CancellationToken(canceled: true) : source.Token;
        }
    }

    /// <summary>Fires. The token's state changes immediately; callbacks, which are code of users, run on the pool.</summary>
    /// <returns>A task that ends with the callbacks, and fails if one does.</returns>
    public Task CancelAsync() =>
        Interlocked.CompareExchange(ref _source, _fired, null) is { } source && !ReferenceEquals(source, _fired) ? source.CancelAsync() : Task.CompletedTask;
}
