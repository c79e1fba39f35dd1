namespace Latchwork.Redis.Locking;

/// <content>Moving a namespace; see <see cref="IStoreMaintenance"/>.</content>
internal sealed partial class RedisLockerStore
{
    /// <summary>About how many names a page reads. (The server may give more: as many as share a bucket of its table.)</summary>
    private const int PageSize = 100;

    public async Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken)
    {
        var namespaces = new SortedSet<string>(StringComparer.Ordinal);
        string cursor = "0";
        do
        {
            RedisReply reply = await EvaluateAsync(LockerScripts.Namespaces, [_keys.LockerNamespaces], [cursor], cancellationToken).ConfigureAwait(false);
            cursor = reply[0].Text;
            namespaces.UnionWith(reply[1].Texts.Where((_, i) => i % 2 == 0)); // the others are their formats
        }
        while (cursor != "0");
        return [.. namespaces];
    }

    public async Task<(TransferMarks Marks, bool Changed)> MarksAsync(
        string ns, (TransferMarks Expected, TransferMarks Next)? change, CancellationToken cancellationToken)
    {
        if (_keys.IsInCluster)
        {
            throw new LatchworkStoreException(
                $"The namespace '{ns}' of locks cannot be moved to or from a Redis Cluster: its keys are in many slots, and nothing can close all of them in one step. Let its locks end there, and begin anew here; timers can be moved.",
                StoreOutcome.NotApplied);
        }

        RedisValue[] arguments = change is var (expected, next)
            ? [expected.Seal?.ToString() ?? "", expected.Import?.ToString() ?? "", next.Seal?.ToString() ?? "", next.Import?.ToString() ?? ""]
            : [];
        if (change?.Next.LockerStats is { } stats) arguments = [.. arguments, stats.Runs, stats.Takeovers, stats.Failures];
        RedisReply reply = await EvaluateAsync(LockerScripts.Marks, [_keys.SealOf(ns), _keys.ImportOf(ns), _keys.CountsOf(ns)], arguments, cancellationToken).ConfigureAwait(false);
        bool changed = reply[2].Number == 1;
        if (changed && change!.Value.Next.Seal is null) await OpenAsync(ns, cancellationToken).ConfigureAwait(false); // it is listed from now on
        return (new TransferMarks(TransferMark.Parse(reply[0].Text), TransferMark.Parse(reply[1].Text)), changed);
    }

    /// <summary>What the lockers of a namespace have done, also of one that is closed.</summary>
    public Task<LockerStats> ReadCountsAsync(string ns, CancellationToken cancellationToken) => CountAsync(ns, [0, 0, 0], cancellationToken);

    public async Task<TransferKeyPage> NextAsync(string ns, string moveId, IReadOnlyList<string> arrived, string? cursor, CancellationToken cancellationToken)
    {
        await Task.WhenAll(arrived.Select(key => ExportAsync(new LockerKey(ns, key), moveId, delete: true, cancellationToken))).ConfigureAwait(false);
        RedisReply reply = await EvaluateAsync(LockerScripts.Scan, [], [cursor ?? "0", _keys.LockPattern(ns), PageSize], cancellationToken).ConfigureAwait(false);
        string next = reply[0].Text;
        string[] names = [.. reply[1].Texts.Select(name => _keys.KeyOfLock(ns, name)).OfType<string>().Distinct(StringComparer.Ordinal)];
        TransferKey?[] keys = await Task.WhenAll(names.Select(key => ExportAsync(new LockerKey(ns, key), moveId, delete: false, cancellationToken))).ConfigureAwait(false);
        return new TransferKeyPage([.. keys.OfType<TransferKey>()], next == "0" ? null : next);
    }

    public async Task<IReadOnlyList<ImportOutcome>> ImportAsync(string ns, string moveId, IReadOnlyList<TransferKey> keys, CancellationToken cancellationToken) =>
        await Task.WhenAll(keys.Select(key => ImportAsync(ns, moveId, key, cancellationToken))).ConfigureAwait(false);

    private async Task<ImportOutcome> ImportAsync(string ns, string moveId, TransferKey moved, CancellationToken cancellationToken)
    {
        var key = new LockerKey(ns, moved.Key);
        RedisValue[] outcome = moved.Outcome is { } o
            ? [o.FencingToken, (int)o.Kind, Microseconds(o.Age), Microseconds(o.FreshFor), Microseconds(o.HandOverFor), o.Data]
            : [""];
        ValueTask<RedisReply> pending = _connection.EvaluateAsync(
            LockerScripts.Import,
            [.. _keys.Of(key).All, _keys.ImportOf(ns)],
            [Now, Format, moveId, moved.FencingToken, Microseconds(moved.KeepFor), .. outcome],
            cancellationToken);
        return (ImportOutcome)(await TranslateAsync(pending, LockerScripts.Import, ns).ConfigureAwait(false)).Number;
    }

    private async Task<TransferKey?> ExportAsync(LockerKey key, string moveId, bool delete, CancellationToken cancellationToken)
    {
        RedisReply reply = await EvaluateAsync(LockerScripts.Export, key, [Now, Format, moveId, delete ? 1 : 0], cancellationToken).ConfigureAwait(false);
        return reply.IsNull ? null : ReadMoved(key.Key, reply);
    }

    private static TransferKey ReadMoved(string key, RedisReply items)
    {
        long fencingToken = items[0].Number;
        if (items[1].Text is { Length: > 0 } node) return new TransferKey(key, fencingToken, TimeSpan.Zero, null, node, Span(items[2]));
        TransferResult? outcome = items.Length == 3
            ? null
            : new TransferResult(items[3].Number, Kind(items[4]), items[8].Bytes, Span(items[5]), Span(items[6]), Span(items[7]));
        return new TransferKey(key, fencingToken, TimerCodec.Span(Math.Max(0, items[2].Number)), outcome, null, TimeSpan.Zero);
    }
}
