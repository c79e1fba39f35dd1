using System.Threading.Tasks.Sources;

namespace Latchwork.Redis.Connections;

/// <summary>
/// One script on its way: sent, sent again while the server says "not now", and ended by a reply, by the caller's token, by its deadline or with
/// the store, whichever comes first.
/// </summary>
/// <remarks>
/// It is in one of three states, and whoever ends it learns which it was in: waiting (the script is known not to have run), sent (it may have),
/// or done. A late reply to a call that is done is dropped; nothing is sent again after that.
/// </remarks>
internal sealed class ScriptCall(RedisConnection connection, RedisScript script, RedisKey[] keys, RedisValue[] arguments)
    : DeadlineItem, IValueTaskSource<RedisReply>
{
    private const int Waiting = 0, Sent = 1, Done = 2;
    private static readonly TimeSpan _firstPause = TimeSpan.FromMilliseconds(5), _longestPause = TimeSpan.FromMilliseconds(100);

    private Action? _onReply;
    private ManualResetValueTaskSourceCore<RedisReply> _source;
    private Task<RedisResult>? _attempt;
    private CancellationTokenRegistration _registration;
    private int _state;
    private int _refusals;

    public override long Bytes { get; } = SizeOf(arguments);
    public string Name => $"script '{script.Name}'";
    public ValueTask<RedisReply> Task => new(this, _source.Version);

    public void Start(CancellationToken cancellationToken)
    {
        Attempt(asText: false);
        if (cancellationToken.CanBeCanceled && Volatile.Read(ref _state) != Done)
        {
            _registration = cancellationToken.UnsafeRegister(static (call, token) => ((ScriptCall)call!).OnCancelled(token), this);
            if (Volatile.Read(ref _state) == Done) _registration.Dispose();
        }
    }

    public override void OnDeadline()
    {
        if (TryEnd() is not { } state) return;
        if (state == Sent) connection.OnNoReply(keys);
        TimeSpan timeout = connection.CommandTimeout;
        Fail(state == Sent ? RedisFailures.NoReply(Name, timeout) : RedisFailures.NotSent(Name, timeout, connection.LastError ?? Refusal), offThread: true);
    }

    public override void OnClosed()
    {
        if (TryEnd() is { } state) Fail(RedisFailures.Closed(Name, state == Sent), offThread: true);
    }

    /// <summary>Why the last attempt was refused; null if none was.</summary>
    private string? Refusal { get; set; }

    RedisReply IValueTaskSource<RedisReply>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<RedisReply>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<RedisReply>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private static long SizeOf(RedisValue[] values)
    {
        long bytes = 0;
        foreach (RedisValue value in values) bytes += value.Length();
        return bytes;
    }

    private void Attempt(bool asText)
    {
        // What was refused is not sent again while the store closes: it is known not to have run, and would no longer be a moment later.
        if (connection.IsClosing)
        {
            OnClosed();
            return;
        }

        if (Interlocked.CompareExchange(ref _state, Sent, Waiting) != Waiting) return;
        Task<RedisResult> attempt;
        try
        {
            attempt = connection.Send(script, keys, arguments, asText);
        }
        catch (Exception e) // whatever the client throws is judged like what it reports later
        {
            OnFailed(e);
            return;
        }

        _attempt = attempt;
        if (attempt.IsCompleted) OnReply();
        else attempt.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_onReply ??= OnReply);
    }

    private void OnReply()
    {
        Task<RedisResult> attempt = _attempt!;
        if (!attempt.IsCompletedSuccessfully)
        {
            OnFailed(attempt.Exception?.InnerException ?? new TaskCanceledException(attempt));
            return;
        }

        connection.OnReply();
        if (TryEnd() is not null) _source.SetResult(new RedisReply(attempt.Result));
    }

    private void OnFailed(Exception error)
    {
        CallFailure failure = RedisFailures.Judge(error, Name);
        if (error is RedisServerException) connection.OnReply();
        if (failure.IsConnection) connection.RequestTopologyRefresh();
        if (failure.Kind == FailureKind.Final)
        {
            if (TryEnd() is not null) Fail(failure.Exception!, offThread: false);
            return;
        }

        Refusal = failure.Reason;
        if (Interlocked.CompareExchange(ref _state, Waiting, Sent) != Sent) return;
        if (failure.Kind == FailureKind.NoScript)
        {
            Attempt(asText: true);
            return;
        }

        // When the time is up meanwhile, the deadline ends it; nothing is sent then.
        TimeSpan pause = _firstPause * Math.Pow(2, Math.Min(_refusals++, 5));
        if (pause > _longestPause) pause = _longestPause;
        _ = System.Threading.Tasks.Task.Delay(pause, TimeProvider.System).ContinueWith(
            static (_, call) => ((ScriptCall)call!).Attempt(asText: false), this, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private void OnCancelled(CancellationToken cancellationToken)
    {
        if (TryEnd() is not null) Fail(new OperationCanceledException(cancellationToken), offThread: true);
    }

    /// <summary>Ends it, once. It gives the state in which it was; null if it was done already.</summary>
    private int? TryEnd()
    {
        int before = Interlocked.Exchange(ref _state, Done);
        if (before == Done) return null;
        connection.Calls.Remove(this);
        _registration.Dispose();
        return before;
    }

    // The thread of a canceller or of the alarms is not ours to run the caller's code on.
    private void Fail(Exception error, bool offThread)
    {
        _source.RunContinuationsAsynchronously = offThread;
        _source.SetException(error);
    }
}
