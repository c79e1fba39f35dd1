namespace Latchwork.Redis.Renewing;

/// <summary>
/// Sends the renewals for one primary, one after the other. One that the server does not take now is sent again within its time, and holds up none
/// of the others meanwhile.
/// </summary>
internal sealed class RenewalThread : IDisposable
{
    private static readonly TimeSpan _firstPause = TimeSpan.FromMilliseconds(10), _longestPause = TimeSpan.FromMilliseconds(250);
    private readonly Func<Renewal, RedisReply> _send;
    private readonly Action _onFailed;
    private readonly LinkedList<Renewal> _waiting = new();
    private readonly object _gate = new();
    private bool _closed;

    /// <param name="send">Sends a renewal and waits for the reply.</param>
    /// <param name="onFailed">Called when there was no usable connection, or the server is not what it was.</param>
    /// <param name="primary">The primary, for the name of the thread.</param>
    public RenewalThread(Func<Renewal, RedisReply> send, Action onFailed, string primary)
    {
        _send = send;
        _onFailed = onFailed;
        new Thread(Run) { IsBackground = true, Name = $"Latchwork renewals {primary}".TrimEnd() }.UnsafeStart();
    }

    public void Add(Renewal renewal)
    {
        lock (_gate)
        {
            if (!_closed)
            {
                _waiting.AddLast(renewal);
                Monitor.Pulse(_gate);
                return;
            }
        }

        renewal.TrySetException(Left(renewal));
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.Pulse(_gate);
        }
    }

    private void Run()
    {
        while (Take() is { } renewal)
        {
            if (renewal.IsLate)
            {
                renewal.TrySetException(RedisFailures.NotSent(NameOf(renewal), renewal.Bound, renewal.Refusal ?? "earlier renewals at this server took too long"));
                continue;
            }

            RedisReply reply;
            try
            {
                reply = _send(renewal);
            }
#pragma warning disable CA1031 // whatever the client throws is judged, and told to the engine
            catch (Exception e)
#pragma warning restore CA1031
            {
                OnFailed(renewal, RedisFailures.Judge(e, NameOf(renewal)));
                continue;
            }

            renewal.TrySetResult(reply);
        }

        // The store is closed, or has left this primary.
        foreach (Renewal rest in _waiting)
            rest.TrySetException(Left(rest));
    }

    private void OnFailed(Renewal renewal, CallFailure failure)
    {
        if (failure.IsConnection)
            _onFailed();
        if (failure.Exception is { } final)
        {
            renewal.TrySetException(final);
            return;
        }

        TimeSpan pause = _firstPause * Math.Pow(2, Math.Min(renewal.Refusals++, 5));
        renewal.Refusal = failure.Reason;
        renewal.NotBefore = Environment.TickCount64 + (long)(pause < _longestPause ? pause : _longestPause).TotalMilliseconds;
        Add(renewal);
    }

    private Renewal? Take()
    {
        lock (_gate)
        {
            while (!_closed)
            {
                long now = Environment.TickCount64;
                long next = long.MaxValue;
                for (LinkedListNode<Renewal>? node = _waiting.First; node is not null; node = node.Next)
                {
                    next = Math.Min(next, node.Value.NotBefore);
                    if (node.Value.NotBefore > now) continue;
                    _waiting.Remove(node);
                    return node.Value;
                }

                if (next == long.MaxValue) Monitor.Wait(_gate);
                else Monitor.Wait(_gate, TimeSpan.FromMilliseconds(next - now));
            }

            return null;
        }
    }

    private static LatchworkStoreException Left(Renewal renewal) => RedisFailures.NotSent(NameOf(renewal), renewal.Bound, "the connection to this server was ended");

    private static string NameOf(Renewal renewal) => $"script '{renewal.Script.Name}'";
}
