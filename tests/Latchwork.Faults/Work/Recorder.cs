using Latchwork.Faults.History;

namespace Latchwork.Faults.Work;

/// <summary>Writes what a worker calls, and how it ended: the start before the call, the end after it.</summary>
internal sealed class Recorder(HistoryWriter history)
{
    /// <summary>Where it writes.</summary>
    public HistoryWriter History => history;

    /// <summary>The start of an operation on an event or key; it is not written yet.</summary>
    public OperationStarted Begin(Verb verb, string id) => new(0, history.NextOp(), verb, WorkerSettings.Namespace, id);

    /// <summary>Writes the start of an operation, at this moment.</summary>
    public void Start(OperationStarted operation) => history.Write(operation with { At = MonotonicTime.Now });

    /// <summary>The end of an operation, at this moment.</summary>
    public static OperationEnded End(OperationStarted operation, Ending ending) => new(MonotonicTime.Now, operation.Op, ending);

    /// <summary>Calls, and writes the start and the end.</summary>
    /// <param name="operation">What is called.</param>
    /// <param name="call">The call.</param>
    /// <param name="answer">Puts the answer into the end.</param>
    /// <returns>The answer; the default if the call failed in a way that a worker has to live with.</returns>
    public async Task<T?> CallAsync<T>(OperationStarted operation, Func<Task<T>> call, Func<OperationEnded, T, OperationEnded> answer)
    {
        Start(operation);
        T result;
        try
        {
            result = await call();
        }
        catch (Exception e) when (e is LatchworkStoreException or OperationCanceledException or LockTimeoutException or RunFailedException or ObjectDisposedException)
        {
            history.Write(OperationRecording.EndOf(operation.Op, e));
            return default;
        }

        history.Write(answer(End(operation, Ending.Answered), result));
        return result;
    }
}
