using Latchwork.Threading;

namespace Latchwork;

/// <summary>
/// Reports failures of a call that is repeated until it succeeds, on any number of partitions. It is logged when such an outage begins, with
/// each different failure in it, and when it is over; the rest is at Debug. Subscribers of the error event are notified of every failure.
/// </summary>
/// <param name="errors">Where it reports.</param>
/// <param name="clock">Measures how long it takes.</param>
/// <param name="operation">What cannot be done: a claim, or an extension.</param>
internal sealed class OutageReporter(ErrorReporter errors, MonotonicClock clock, FailedOperation operation)
{
    /// <summary>The most different failures that one outage logs as warnings.</summary>
    private const int MaxKinds = 16;

    private readonly Lock _gate = new();
    private readonly HashSet<int> _failing = [];
    private readonly HashSet<string> _kinds = [];
    private volatile bool _isFailing;
    private TimeSpan _since;
    private long _failures;

    /// <summary>A call on a partition failed and will be repeated.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="exception">The failure.</param>
    /// <param name="isTold">Whether somebody else reports it: the call of a user.</param>
    public void Failed(int partition, Exception exception, bool isTold = false)
    {
        bool isNew;
        lock (_gate)
        {
            if (!_isFailing)
            {
                _isFailing = true;
                _since = clock.Now;
                _failures = 0;
            }

            _failing.Add(partition);
            _failures++;
            isNew = !isTold && _kinds.Count < MaxKinds && _kinds.Add(KindOf(exception));
        }

        errors.Report(operation, exception, quietly: !isNew);
    }

    /// <summary>A call on a partition succeeded. While nothing fails this costs the check of a field.</summary>
    public void Succeeded(int partition)
    {
        if (!_isFailing) return;
        long failures;
        TimeSpan lasted;
        lock (_gate)
        {
            if (!_failing.Remove(partition) || _failing.Count > 0) return;
            (failures, lasted) = (_failures, clock.Now - _since);
            End();
        }

        if (operation == FailedOperation.Claim) errors.Log.ClaimsAgain(errors.Namespace, failures, lasted);
        else errors.Log.ExtendsAgain(errors.Namespace, failures, lasted);
    }

    /// <summary>There is nothing more to be done, so nothing will succeed: the next failure begins anew.</summary>
    public void Forget()
    {
        if (!_isFailing) return;
        lock (_gate) End();
    }

    private void End()
    {
        _failing.Clear();
        _kinds.Clear();
        _isFailing = false;
    }

    /// <summary>What makes a failure a different one: its type and text, but for numbers, which may be times and ports.</summary>
    private static string KindOf(Exception exception) =>
        $"{exception.GetType()} {string.Concat(exception.Message.Where(static c => !char.IsAsciiDigit(c)))}";
}
