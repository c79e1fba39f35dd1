namespace Latchwork;

/// <summary>The pauses of a namespace, as this node learns of them partition by partition: what no handler has begun goes back, with no retry spent.</summary>
internal sealed class PartitionPauses(int partitions, LeaseHolder holder, IDeliveryQueue queue)
{
    private readonly int[] _marks = new int[partitions];
    private int _isPaused;

    /// <summary>How often a partition was found paused: what was begun to be started before, and has not started, is handed back.</summary>
    public int CountOf(PartitionClient client) => Volatile.Read(ref _marks[client.Partition.Index]);

    /// <summary>A partition was found paused: what is being started sees it from now on, and does not start. May be called on a thread of the store.</summary>
    public void Mark(PartitionClient client) => Interlocked.Increment(ref _marks[client.Partition.Index]);

    /// <summary>A partition is paused: what no handler has begun goes back. What runs continues.</summary>
    public void HandBackUnstarted(PartitionClient client)
    {
        Mark(client);
        queue.HandBack(delivery => delivery.Client == client);
    }

    /// <summary>Says once that the namespace is paused, and once that it is not any more.</summary>
    public void Note(TimerPause? pause)
    {
        if (Interlocked.Exchange(ref _isPaused, pause is null ? 0 : 1) == (pause is null ? 0 : 1)) return;
        if (pause is null) holder.Errors.Log.Resumed(holder.Settings.Namespace);
        else holder.Errors.Log.Paused(holder.Settings.Namespace, pause.By, pause.Since, pause.Reason);
    }
}
