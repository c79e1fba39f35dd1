using Latchwork.Storage;

namespace Latchwork.Testing;

/// <summary>Notes what is posted; everything else passes through.</summary>
internal sealed class RecordingTimerStore(ITimerStore inner, TestJournal journal) : PassingTimerStore(inner)
{
    public override async Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken)
    {
        IReadOnlyList<PostOutcome> answer = await base.PostAsync(partition, entries, cancellationToken).ConfigureAwait(false);
        journal.Posted(partition.Namespace, entries, answer);
        return answer;
    }
}
