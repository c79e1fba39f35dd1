namespace Latchwork.Redis.Partitioning;

/// <summary>The number of partitions as a partition records it: <c>5</c>, or <c>5&gt;12</c> while it is being changed.</summary>
/// <param name="From">The number, or the former one.</param>
/// <param name="To">The number that it is to be; null: it is not being changed.</param>
internal readonly record struct PartitionNumber(int From, int? To)
{
    /// <summary>Reads it.</summary>
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
