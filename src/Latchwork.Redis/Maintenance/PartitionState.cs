namespace Latchwork.Redis.Maintenance;

/// <summary>The number of partitions as a partition records it: <c>5</c>, or <c>5&gt;12</c> (from, to) while it is being changed.</summary>
internal readonly record struct PartitionNumber(int From, int? To)
{
    /// <exception cref="LatchworkStoreException">It is not of a form that this version writes.</exception>
    public static PartitionNumber Parse(string text)
    {
        string[] parts = text.Split('>');
        if (parts.Length <= 2 && TryRead(parts[0], out int from))
        {
            if (parts.Length == 1) return new PartitionNumber(from, null);
            if (TryRead(parts[1], out int to)) return new PartitionNumber(from, to);
        }

        throw new LatchworkStoreException($"The number of partitions is recorded as '{text}', which this version does not understand.", StoreOutcome.NotApplied);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{From}{(To is null ? "" : ">")}{To}");

    private static bool TryRead(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number is >= 1 and <= RedisOptions.MaxPartitions;
}

/// <summary>
/// What a partition says of itself: the format of its records (empty if it was never written), the number of partitions (see
/// <see cref="PartitionNumber"/>), the marks of moves from and to here, how many events it has in any state, whether there is a journal of a move, and its
/// pause as it is stored.
/// </summary>
internal sealed record PartitionState(string Format, string Partitions, TransferMark? Seal, TransferMark? Import, long Events, bool HasJournal, string Pause)
{
    /// <summary>Asks a partition, whatever its layout.</summary>
    public static async Task<PartitionState> ReadAsync(RedisTimerStore store, TimerPartition partition, CancellationToken cancellationToken)
    {
        RedisReply reply = await store.SendAsync(TimerScript.PeekPartition, partition, cancellationToken).ConfigureAwait(false);
        return new PartitionState(
            reply[0].Text, reply[1].Text, TransferMark.Parse(reply[2].Text), TransferMark.Parse(reply[3].Text), reply[4].Number, reply[5].Number == 1, reply[6].Text);
    }
}
