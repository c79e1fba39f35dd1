namespace Latchwork.Sqlite.Database;

/// <summary>An operation on its way to a thread of the store, and back.</summary>
/// <typeparam name="TContext">What it works on.</typeparam>
internal interface IWorkItem<in TContext>
{
    /// <summary>Whether its effect is to survive the loss of power once it is acknowledged.</summary>
    bool IsDurable { get; }

    /// <summary>Whether nobody waits for it any more.</summary>
    bool IsAbandoned { get; }

    /// <summary>Does it. Nothing is acknowledged yet.</summary>
    void Execute(TContext context);

    /// <summary>Acknowledges it.</summary>
    void Succeed();

    /// <summary>Ends it with a failure.</summary>
    void Fail(Exception failure);
}

/// <summary>An operation with a result. Whoever waits continues on the store's thread, so that no free thread of the pool is needed.</summary>
internal sealed class WorkItem<TContext, TResult> : TaskCompletionSource<TResult>, IWorkItem<TContext>
{
    private readonly Func<TContext, TResult> _body;
    private readonly CancellationTokenRegistration _registration;
    private TResult? _result;

    public WorkItem(Func<TContext, TResult> body, bool isDurable, CancellationToken cancellationToken)
    {
        _body = body;
        IsDurable = isDurable;
        if (cancellationToken.CanBeCanceled)
        {
            _registration = cancellationToken.UnsafeRegister(
                static (item, token) => ((WorkItem<TContext, TResult>)item!).TrySetCanceled(token), this);
        }
    }

    public bool IsDurable { get; }

    public bool IsAbandoned => Task.IsCompleted;

    public void Execute(TContext context) => _result = _body(context);

    public void Succeed()
    {
        // Not Dispose, which waits for a callback that runs: on its thread continues whoever waited, and may wait for this one.
        _registration.Unregister();
        TrySetResult(_result!);
    }

    public void Fail(Exception failure)
    {
        _registration.Unregister();
        TrySetException(failure);
    }
}
