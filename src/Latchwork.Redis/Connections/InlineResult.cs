using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading.Tasks.Sources;

namespace Latchwork.Redis.Connections;

/// <summary>
/// A result that is awaited once, and whose continuation never needs the thread pool: it runs on the thread that gives the result, or, if the
/// result comes in the very moment in which the continuation is registered, on the thread that registers it. (The framework's own sources
/// hand it to the pool in that moment, where a blocked pool would hold up the renewal of a lease.)
/// </summary>
internal abstract class InlineResult : IValueTaskSource<RedisReply>
{
    private static readonly Action<object?> _completed = static _ => { };

    private Action<object?>? _continuation;
    private object? _state;
    private RedisReply _reply;
    private Exception? _error;

    /// <summary>What the caller awaits, once.</summary>
    public ValueTask<RedisReply> Task => new(this, 0);

    RedisReply IValueTaskSource<RedisReply>.GetResult(short token)
    {
        if (!IsCompleted) throw new InvalidOperationException("There is no result yet: await it.");
        if (_error is not null) ExceptionDispatchInfo.Throw(_error);
        return _reply;
    }

    ValueTaskSourceStatus IValueTaskSource<RedisReply>.GetStatus(short token)
    {
        if (!IsCompleted) return ValueTaskSourceStatus.Pending;
        if (_error is null) return ValueTaskSourceStatus.Succeeded;
        return _error is OperationCanceledException ? ValueTaskSourceStatus.Canceled : ValueTaskSourceStatus.Faulted;
    }

    void IValueTaskSource<RedisReply>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        if ((flags & ValueTaskSourceOnCompletedFlags.FlowExecutionContext) != 0 && ExecutionContext.Capture() is { } context)
        {
            Action<object?> inner = continuation;
            continuation = s => ExecutionContext.Run(context, inner.Invoke, s);
        }

        if ((flags & ValueTaskSourceOnCompletedFlags.UseSchedulingContext) != 0 && SynchronizationContext.Current is { } target)
        {
            Action<object?> inner = continuation;
            continuation = s => target.Post(inner.Invoke, s);
        }

        _state = state;
        Action<object?>? before = Interlocked.CompareExchange(ref _continuation, continuation, null);
        if (before is null) return;
        if (!ReferenceEquals(before, _completed)) throw new InvalidOperationException("A reply can be awaited only once.");

        // A stack that is nearly used up is the one case in which the pool has to help.
        if (RuntimeHelpers.TryEnsureSufficientExecutionStack()) continuation(state);
        else ThreadPool.UnsafeQueueUserWorkItem(continuation, state, preferLocal: false);
    }

    /// <summary>Gives the result, once. The caller goes on inside this call.</summary>
    protected void Complete(in RedisReply reply, Exception? error)
    {
        _reply = reply;
        _error = error;
        Interlocked.Exchange(ref _continuation, _completed)?.Invoke(_state);
    }

    private bool IsCompleted => ReferenceEquals(Volatile.Read(ref _continuation), _completed);
}
