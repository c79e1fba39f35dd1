namespace Latchwork.Redis.Locking;

/// <summary>
/// A <c>SCAN</c> over all primaries of a cluster, one after the other. A key that moves during it from one that is not yet scanned to one that
/// was would be missed; so at the end those are scanned again whose slots have changed since, or that are receiving a slot.
/// </summary>
internal static class ClusterScan
{
    private const int MostScans = 3;

    /// <summary>Where a listing stands.</summary>
    /// <param name="At">The cursor of the server.</param>
    /// <param name="Server">The primary that is being scanned; empty when the next one is to be chosen.</param>
    /// <param name="Begun">Those whose scan was begun, the present one included: how often, and what slots they had then.</param>
    public sealed record Place(string At, string Server, IReadOnlyDictionary<string, (int Scans, string Slots)> Begun)
    {
        public static Place Parse(string cursor)
        {
            string[] words = cursor.Split(' ');
            var begun = new Dictionary<string, (int, string)>(StringComparer.Ordinal);
            foreach (string[] one in words.Skip(2).Select(word => word.Split('=')))
            {
                if (one.Length == 3 && int.TryParse(one[1], NumberStyles.None, CultureInfo.InvariantCulture, out int scans))
                    begun[one[0]] = (scans, one[2]);
            }

            return new Place(words[0], words.Length > 1 ? words[1] : "", begun);
        }

        public override string ToString() => string.Join(
            ' ', [At, Server, .. Begun.Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Key}={one.Value.Scans}={one.Value.Slots}"))]);
    }

    /// <summary>Where a listing begins.</summary>
    public static Place Start { get; } = new("0", "", new Dictionary<string, (int, string)>());

    /// <summary>Chooses the primary to be scanned next.</summary>
    /// <returns>Null if all were scanned.</returns>
    public static async Task<Place?> NextAsync(IRedisConnection connection, Place place, CancellationToken cancellationToken)
    {
        foreach (EndPoint server in connection.Primaries)
        {
            string name = RedisConfiguration.Text(server);
            if (!place.Begun.ContainsKey(name))
                return Begin(place, name, 1, await SlotsAsync(connection, server, cancellationToken).ConfigureAwait(false));
        }

        foreach (EndPoint server in connection.Primaries)
        {
            string name = RedisConfiguration.Text(server);
            string slots = await SlotsAsync(connection, server, cancellationToken).ConfigureAwait(false);
            if (!place.Begun.TryGetValue(name, out (int Scans, string Slots) begun))
                return Begin(place, name, 1, slots); // It has become a primary in this moment.
            (int scans, string before) = begun;
            bool receives = slots.EndsWith('+');
            if (scans < MostScans && (slots != before || (receives && scans == 1)))
                return Begin(place, name, scans + 1, slots);
        }

        return null;
    }

    private static Place Begin(Place place, string server, int scans, string slots) => new(
        "0", server, new Dictionary<string, (int, string)>(place.Begun, StringComparer.Ordinal) { [server] = (scans, slots) });

    // What slots a server has, as it says itself: a checksum, and a plus if it is receiving one.
    private static async Task<string> SlotsAsync(IRedisConnection connection, EndPoint server, CancellationToken cancellationToken)
    {
        RedisReply nodes = await connection.ExecuteAtAsync(server, "CLUSTER", ["NODES"], cancellationToken).ConfigureAwait(false);
        string line = nodes.Text.Split('\n').FirstOrDefault(text => text.Contains("myself", StringComparison.Ordinal)) ?? "";
        string slots = string.Join(' ', line.Split(' ').Skip(8));
        return string.Create(
            CultureInfo.InvariantCulture, $"{HashSlot.Of(slots)}-{slots.Length}{(slots.Contains("-<-", StringComparison.Ordinal) ? "+" : "")}");
    }
}
