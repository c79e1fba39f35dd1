using System.Diagnostics;

namespace Latchwork.Postgres.Connections;

/// <summary>An operation on its way to a thread of the store, and back.</summary>
internal abstract class WorkItem(string name)
{
    /// <summary>What it is called in messages.</summary>
    public string Name => name;

    /// <summary>When it was asked for, as <see cref="Stopwatch"/> counts: its time runs from then on.</summary>
    public long Since { get; } = TimeProvider.System.GetTimestamp();

    /// <summary>Whether nobody waits for it any more.</summary>
    public abstract bool IsAbandoned { get; }

    /// <summary>Does it. Nothing is acknowledged yet.</summary>
    public abstract void Execute(SqlSession session);

    /// <summary>Acknowledges it.</summary>
    public abstract void Succeed();

    /// <summary>Ends it with a failure.</summary>
    public abstract void Fail(Exception failure);
}

/// <summary>An operation with a result. Whoever waits continues on the store's thread, so that no free thread of the pool is needed.</summary>
internal sealed class WorkItem<TResult> : WorkItem
{
    private readonly TaskCompletionSource<TResult> _answer = new();
    private readonly Func<SqlSession, TResult> _body;
    private readonly CancellationTokenRegistration _registration;
    private TResult? _result;

    public WorkItem(string name, Func<SqlSession, TResult> body, CancellationToken cancellationToken)
        : base(name)
    {
        _body = body;
        if (cancellationToken.CanBeCanceled)
        {
            _registration = cancellationToken.UnsafeRegister(
                static (item, token) => ((WorkItem<TResult>)item!)._answer.TrySetCanceled(token), this);
        }
    }

    public Task<TResult> Task => _answer.Task;

    public override bool IsAbandoned => Task.IsCompleted;

    public override void Execute(SqlSession session) => _result = _body(session);

    public override void Succeed()
    {
        // Not Dispose, which waits for a callback that runs: on its thread continues whoever waited, and may wait for this one.
        _registration.Unregister();
        _answer.TrySetResult(_result!);
    }

    public override void Fail(Exception failure)
    {
        _registration.Unregister();
        _answer.TrySetException(failure);
    }
}
