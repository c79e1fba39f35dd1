using Latchwork.Storage;

namespace Latchwork.Testing;

/// <summary>Notes who becomes an owner; everything else passes through.</summary>
internal sealed class RecordingLockerStore(ILockerStore inner, TestJournal journal) : PassingLockerStore(inner)
{
    public override async Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken)
    {
        LockerReply answer = await base.RequestAsync(key, request, cancellationToken).ConfigureAwait(false);
        if (answer is LockGranted) journal.Granted(key);
        return answer;
    }
}
