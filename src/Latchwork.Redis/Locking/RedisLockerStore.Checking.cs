namespace Latchwork.Redis.Locking;

/// <content>Examining keys; see <see cref="IStoreMaintenance"/>.</content>
internal sealed partial class RedisLockerStore
{
    /// <summary>The marks of moves; in a cluster there are none, as its locks cannot be moved.</summary>
    internal async Task<TransferMarks> FindMarksAsync(string ns, CancellationToken cancellationToken) =>
        _keys.IsInCluster ? new TransferMarks(null, null) : (await MarksAsync(ns, null, cancellationToken).ConfigureAwait(false)).Marks;

    /// <summary>Examines some keys of a namespace.</summary>
    /// <returns>Those of which something would stay forever, and the next cursor; null at the end.</returns>
    internal async Task<(IReadOnlyList<string> Keys, string? Cursor)> CheckLifeAsync(string ns, string? cursor, bool fix, CancellationToken cancellationToken)
    {
        (RedisReply reply, string? next) = await ScanAsync(ns, _keys.LockPattern(ns), cursor, PageSize, cancellationToken).ConfigureAwait(false);
        if (reply.IsNull) return ([], next);
        string[] keys = [.. reply[1].Texts.Select(name => _keys.KeyOfLock(ns, name)).OfType<string>().Distinct(StringComparer.Ordinal)];
        bool[] endless = await Task.WhenAll(Array.ConvertAll(keys, async key =>
            (await EvaluateAsync(LockerScripts.CheckLife, new LockerKey(ns, key), [Now, Format, fix ? 1 : 0], cancellationToken).ConfigureAwait(false)).Number > 0)).ConfigureAwait(false);
        return ([.. keys.Where((_, i) => endless[i])], next);
    }
}
