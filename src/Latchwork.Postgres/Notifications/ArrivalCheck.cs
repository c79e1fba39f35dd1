namespace Latchwork.Postgres.Notifications;

/// <summary>Finds out now and then, by a notification of the process to itself over another connection, whether notifications arrive at all.</summary>
/// <param name="send">Sends it.</param>
/// <param name="onFailure">Is called when one did not arrive in time, the first time.</param>
internal sealed class ArrivalCheck(Func<Task> send, Action onFailure)
{
    /// <summary>What the notification carries.</summary>
    public const string Payload = "ping";

    /// <summary>How long one may take.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan _every = TimeSpan.FromSeconds(30);

    private long _begunAt; // 0: not yet on this connection
    private long _sentAt; // 0: the last one is being sent, or could not be
    private bool _isOut;
    private bool _hasFailed;

    /// <summary>Whether the last one did not arrive.</summary>
    public bool HasFailed => Volatile.Read(ref _hasFailed);

    /// <summary>Whether one may still arrive in time.</summary>
    public bool IsAwaited => Volatile.Read(ref _isOut) && !HasFailed;

    /// <summary>The connection that listens is a new one.</summary>
    public void Reset()
    {
        Volatile.Write(ref _isOut, false);
        _begunAt = 0;
    }

    /// <summary>It has arrived.</summary>
    public void Arrived() => Volatile.Write(ref _isOut, false);

    /// <summary>Looks at the last one, and sends another if it is time. Only the thread that listens calls it.</summary>
    public void Run()
    {
        if (_begunAt != 0)
        {
            bool isOut = Volatile.Read(ref _isOut);
            long sentAt = Volatile.Read(ref _sentAt);
            if (isOut && sentAt != 0 && TimeProvider.System.GetElapsedTime(sentAt) > Timeout && !HasFailed)
            {
                Volatile.Write(ref _hasFailed, true);
                onFailure();
            }
            else if (!isOut)
            {
                Volatile.Write(ref _hasFailed, false);
            }

            if (TimeProvider.System.GetElapsedTime(_begunAt) < _every) return;
        }

        _begunAt = TimeProvider.System.GetTimestamp();
        Volatile.Write(ref _sentAt, 0);
        Volatile.Write(ref _isOut, true);
        _ = SendAsync();
    }

    private async Task SendAsync()
    {
        Task sent = send();
        await sent.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (sent.IsCompletedSuccessfully) Volatile.Write(ref _sentAt, TimeProvider.System.GetTimestamp());
        else Volatile.Write(ref _isOut, false); // nothing was sent: nothing is missing
    }
}
