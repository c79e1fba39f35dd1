using Latchwork.Faults.History;
using Latchwork.Faults.Work;
using Latchwork.Storage;

namespace Latchwork.Faults.Running;

/// <summary>Writes what is left in the store when nobody works any more, as the public API shows it.</summary>
internal sealed class FinalScan(HistoryWriter history, string folder, DistributedTimer timer)
{
    /// <summary>Writes which namespaces the store lists: before the harness uses one itself.</summary>
    public static async Task WriteNamespacesAsync(HistoryWriter history, LatchworkStore store)
    {
        IReadOnlyList<NamespaceRef> all = await store.Maintenance!.ListAsync(CancellationToken.None);
        history.Write(new FinalNamespaces(MonotonicTime.Now, Of(TransferKind.Timers), Of(TransferKind.Locks)));

        string[] Of(TransferKind kind) => [.. all.Where(one => one.Kind == kind).Select(one => one.Namespace)];
    }

    /// <summary>Looks and writes.</summary>
    /// <param name="drained">Since when all was well and listeners were at work; null if what was due is not all delivered.</param>
    public async Task RunAsync(long? drained)
    {
        history.Write(new FinalScanStarted(MonotonicTime.Now, WorkerSettings.Namespace, drained));
        await foreach (TimerSnapshot item in timer.UpcomingAsync()) Write(item);
        await foreach (TimerSnapshot item in timer.DeadLetters.ListAsync()) Write(item);

        // What is in flight is in no list: it is found by its id.
        if ((await timer.GetStatsAsync()).InFlight > 0)
        {
            string[] ids = [.. new HistoryReader(folder).Read().Select(line => line.Entry).OfType<OperationStarted>().Where(op => op.Verb == Verb.Post).Select(op => op.Id!).Distinct()];
            foreach (string id in ids)
            {
                if (await timer.PeekAsync(id) is { State: TimerState.InFlight } item) Write(item);
            }
        }

        history.Write(new FinalScanEnded(MonotonicTime.Now, WorkerSettings.Namespace));
    }

    private void Write(TimerSnapshot item) => history.Write(new FinalEvent(
        MonotonicTime.Now,
        WorkerSettings.Namespace,
        item.Id,
        EventVersion.Of(item.Payload.Span),
        item.State,
        item.Retries,
        MonotonicTime.Of(item.State == TimerState.InFlight ? item.LeaseLeft!.Value : item.TimeLeft))
    {
        Token = item.Token,
        Reason = item.DeadLetterReason,
        // The server has the machine's clock, and this process has it too.
        Overdue = item.State == TimerState.Scheduled ? MonotonicTime.Of(DateTimeOffset.UtcNow - item.Due) : null,
    });
}
