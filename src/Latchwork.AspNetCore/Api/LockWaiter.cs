using Latchwork.Storage;

namespace Latchwork.Api;

/// <summary>A request that waits for a key. All but the reply belongs to its <see cref="LockWatch"/>, under its gate.</summary>
internal sealed class LockWaiter(LockerRequest request, LockHeld held, bool keepsGrant)
{
    private readonly TaskCompletionSource<LockerReply> _reply = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public LockerRequest Request => request;

    /// <summary>Whether a grant that comes too late is kept for a repetition.</summary>
    public bool KeepsGrant => keepsGrant;

    /// <summary>The last answer: while it waits, the owner.</summary>
    public LockHeld Held { get; set; } = held;

    /// <summary>How many questions had failed when its own was answered.</summary>
    public int FailuresBefore { get; set; }

    /// <summary>Whether its wait is over: the answer to the question under way is the last.</summary>
    public bool HasWaited { get; set; }

    public Task<LockerReply> Reply => _reply.Task;

    /// <returns>False if nobody waits any more.</returns>
    public bool TryGive(LockerReply reply) => _reply.TrySetResult(reply);

    /// <returns>False if nobody waits any more.</returns>
    public bool Fail(Exception exception) => _reply.TrySetException(exception);

    public void GiveUp() => _reply.TrySetCanceled();
}
