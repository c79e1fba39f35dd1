namespace Latchwork.Faults.History;

/// <summary>Records operations of the API: start, call, end. What the call throws is recorded and thrown on.</summary>
public static class OperationRecording
{
    /// <summary>Records one operation.</summary>
    /// <typeparam name="T">The type of its answer.</typeparam>
    /// <param name="history">Where.</param>
    /// <param name="verb">What.</param>
    /// <param name="ns">The namespace.</param>
    /// <param name="id">The event or key.</param>
    /// <param name="describe">Adds what belongs to the verb, such as version and delay.</param>
    /// <param name="call">Does it.</param>
    /// <param name="answer">Adds the outcome to the end.</param>
    /// <returns>The call's answer.</returns>
    public static async Task<T> RecordAsync<T>(
        this HistoryWriter history,
        Verb verb,
        string ns,
        string id,
        Func<OperationStarted, OperationStarted>? describe,
        Func<Task<T>> call,
        Func<OperationEnded, T, OperationEnded> answer)
    {
        long op = history.NextOp();
        var start = new OperationStarted(0, op, verb, ns, id);
        if (describe is not null) start = describe(start);
        history.Write(start with { At = MonotonicTime.Now });
        T result;
        try
        {
            result = await call().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            history.Write(EndOf(op, e));
            throw;
        }

        history.Write(answer(new OperationEnded(MonotonicTime.Now, op, Ending.Answered), result));
        return result;
    }

    /// <summary>The end of an operation that threw.</summary>
    /// <param name="op">Its number.</param>
    /// <param name="exception">What it threw.</param>
    public static OperationEnded EndOf(long op, Exception exception)
    {
        Ending ending = exception switch
        {
            LatchworkStoreException { Outcome: StoreOutcome.NotApplied } => Ending.Refused,
            LatchworkStoreException { Outcome: StoreOutcome.NotReplicated } => Ending.NotReplicated,
            OperationCanceledException => Ending.Cancelled,
            LockTimeoutException => Ending.TimedOut,
            RunFailedException => Ending.RunFailed,
            ArgumentException => Ending.Refused,
            _ => Ending.Unknown,
        };
        return new OperationEnded(MonotonicTime.Now, op, ending)
        {
            Error = $"{exception.GetType().Name}: {exception.Message}",
            Value = exception is RunFailedException failed ? LockValue.OfFailure(failed.Message) : null,
        };
    }
}
