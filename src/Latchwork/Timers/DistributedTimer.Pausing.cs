using Latchwork.Storage;

namespace Latchwork;

public sealed partial class DistributedTimer
{
    /// <summary>
    /// Pauses the namespace for all nodes, until <see cref="ResumeAsync"/>; a restart of nodes or of the store does not end it, and a move takes it along.
    /// Nothing is delivered any more; what no handler has begun is handed back within 250 ms, with no retry spent. Handlers that run finish, and confirm or
    /// fail as always. Posting, cancelling and looking work as before; what falls due waits. A namespace that is paused already stays as it is.
    /// </summary>
    /// <param name="reason">Why, for those who wonder: 0 to 1,024 bytes of UTF-8.</param>
    /// <param name="by">Who: 1 to 512 bytes of UTF-8. Default: null, this node's id.</param>
    /// <param name="cancellationToken">A token that cancels the wait. A request that was sent may still take effect.</param>
    /// <returns>The pause in force, when every partition has it: this one, or the one before.</returns>
    /// <exception cref="ArgumentException">An argument is out of its bounds; nothing was sent.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer. The call can be repeated.</exception>
    public async Task<TimerPause> PauseAsync(string reason, string? by = null, CancellationToken cancellationToken = default)
    {
        Limits.CheckText(reason, 0, Limits.MaxReasonBytes);
        if (by is not null) Limits.CheckId(by);
        TimerPartition[] partitions = PartitionsOf(await _clients.GetAsync(cancellationToken).ConfigureAwait(false));
        return await NamespacePause.PauseAsync(_store, partitions, new PauseRequest(by ?? NodeId, reason), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Ends the pause of the namespace: the nodes that listen are woken. What became overdue meanwhile is delivered like any backlog: the oldest and the newest in
    /// turn, each node as much as its handlers can start.
    /// </summary>
    /// <param name="cancellationToken">A token that cancels the wait. A request that was sent may still take effect.</param>
    /// <returns>The pause that was ended; null if the namespace was not paused.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer. The call can be repeated.</exception>
    public async Task<TimerPause?> ResumeAsync(CancellationToken cancellationToken = default)
    {
        TimerPartition[] partitions = PartitionsOf(await _clients.FindAsync(cancellationToken).ConfigureAwait(false));
        return partitions.Length == 0 ? null : await NamespacePause.ResumeAsync(_store, partitions, cancellationToken).ConfigureAwait(false);
    }

    private static TimerPartition[] PartitionsOf(PartitionClient[] clients) => Array.ConvertAll(clients, static client => client.Partition);
}
