namespace Latchwork.Redis.Maintenance;

/// <content>Moving and examining a namespace of locks.</content>
internal sealed partial class RedisMaintenance
{
    /// <summary>About how many names a page reads. (The server may give more: as many as share a bucket of its table.)</summary>
    private const int PageSize = 100;

    private async Task<(TransferMarks Marks, bool Changed)> MarksOfLocksAsync(
        string ns, (TransferMarks Expected, TransferMarks Next)? change, CancellationToken cancellationToken)
    {
        if (locks.Keys.IsInCluster)
        {
            throw new LatchworkStoreException(
                $"The namespace '{ns}' of locks cannot be moved to or from a Redis Cluster: its keys are in many slots, and nothing can close all of them in one step. Let its locks end there, and begin anew here; timers can be moved.",
                StoreOutcome.NotApplied);
        }

        RedisValue[] arguments = change is var (expected, next)
            ? [expected.Seal?.ToString() ?? "", expected.Import?.ToString() ?? "", next.Seal?.ToString() ?? "", next.Import?.ToString() ?? ""]
            : [];
        if (change?.Next.LockerStats is { } stats) arguments = [.. arguments, stats.Runs, stats.Takeovers, stats.Failures];
        RedisReply reply = await locks.EvaluateAsync(LockerScripts.Marks, [locks.Keys.SealOf(ns), locks.Keys.ImportOf(ns), locks.Keys.CountsOf(ns)], arguments, cancellationToken).ConfigureAwait(false);
        bool changed = reply[2].Number == 1;
        if (changed && change!.Value.Next.Seal is null) await locks.OpenAsync(ns, cancellationToken).ConfigureAwait(false); // it is listed from now on
        return (new TransferMarks(TransferMark.Parse(reply[0].Text), TransferMark.Parse(reply[1].Text)), changed);
    }

    public Task<LockerStats> ReadLockerStatsAsync(string ns, CancellationToken cancellationToken) => locks.CountAsync(ns, [0, 0, 0], cancellationToken);

    public async Task<TransferKeyPage> ReadKeysAsync(string ns, string moveId, IReadOnlyList<string> arrived, string? cursor, CancellationToken cancellationToken)
    {
        await Task.WhenAll(arrived.Select(key => ReadAsync(new LockerKey(ns, key), moveId, delete: true, cancellationToken))).ConfigureAwait(false);
        (string[] names, string? next) = await locks.ScanAsync(ns, cursor, PageSize, cancellationToken).ConfigureAwait(false);
        TransferKey?[] keys = await Task.WhenAll(names.Select(key => ReadAsync(new LockerKey(ns, key), moveId, delete: false, cancellationToken))).ConfigureAwait(false);
        return new TransferKeyPage([.. keys.OfType<TransferKey>()], next);
    }

    public async Task<IReadOnlyList<ImportOutcome>> WriteKeysAsync(string ns, string moveId, IReadOnlyList<TransferKey> keys, CancellationToken cancellationToken) =>
        await Task.WhenAll(keys.Select(key => WriteAsync(ns, moveId, key, cancellationToken))).ConfigureAwait(false);

    private async Task<ImportOutcome> WriteAsync(string ns, string moveId, TransferKey moved, CancellationToken cancellationToken)
    {
        var key = new LockerKey(ns, moved.Key);
        RedisValue[] outcome = moved.Outcome is { } o
            ? [o.FencingToken, (int)o.Kind, TimerCodec.Microseconds(o.Age), TimerCodec.Microseconds(o.FreshFor), TimerCodec.Microseconds(o.HandOverFor), o.Data]
            : [""];
        ValueTask<RedisReply> pending = locks.Connection.EvaluateAsync(
            LockerScripts.Import,
            [.. locks.Keys.Of(key).All, locks.Keys.ImportOf(ns)],
            [locks.Now, RedisLockerStore.Format, moveId, moved.FencingToken, TimerCodec.Microseconds(moved.KeepFor), .. outcome],
            cancellationToken);
        return (ImportOutcome)(await RedisLockerStore.TranslateAsync(pending, LockerScripts.Import, ns).ConfigureAwait(false)).Number;
    }

    private async Task<TransferKey?> ReadAsync(LockerKey key, string moveId, bool delete, CancellationToken cancellationToken)
    {
        RedisReply reply = await locks.EvaluateAsync(LockerScripts.Export, key, [locks.Now, RedisLockerStore.Format, moveId, delete ? 1 : 0], cancellationToken).ConfigureAwait(false);
        return reply.IsNull ? null : ReadMovedKey(key.Key, reply);
    }

    private static TransferKey ReadMovedKey(string key, RedisReply items)
    {
        long fencingToken = items[0].Number;
        if (items[1].Text is { Length: > 0 } node) return new TransferKey(key, fencingToken, TimeSpan.Zero, null, node, TimerCodec.Span(items[2].Number));
        TransferResult? outcome = items.Length == 3
            ? null
            : new TransferResult(items[3].Number, (LockerOutcomeKind)items[4].Number, items[8].Bytes, TimerCodec.Span(items[5].Number), TimerCodec.Span(items[6].Number), TimerCodec.Span(items[7].Number));
        return new TransferKey(key, fencingToken, TimerCodec.Span(Math.Max(0, items[2].Number)), outcome, null, TimeSpan.Zero);
    }

    /// <summary>The marks of moves; in a cluster there are none, as its locks cannot be moved.</summary>
    private async Task<TransferMarks> FindMarksAsync(string ns, CancellationToken cancellationToken) =>
        locks.Keys.IsInCluster ? new TransferMarks(null, null) : (await MarksOfLocksAsync(ns, null, cancellationToken).ConfigureAwait(false)).Marks;

    /// <summary>Examines some keys of a namespace.</summary>
    /// <returns>Those of which something would stay forever, and the next cursor; null at the end.</returns>
    private async Task<(IReadOnlyList<string> Keys, string? Cursor)> CheckLifeAsync(string ns, string? cursor, bool fix, CancellationToken cancellationToken)
    {
        (string[] keys, string? next) = await locks.ScanAsync(ns, cursor, PageSize, cancellationToken).ConfigureAwait(false);
        bool[] endless = await Task.WhenAll(Array.ConvertAll(keys, async key =>
            (await locks.EvaluateAsync(LockerScripts.CheckLife, new LockerKey(ns, key), [locks.Now, RedisLockerStore.Format, fix ? 1 : 0], cancellationToken).ConfigureAwait(false)).Number > 0)).ConfigureAwait(false);
        return ([.. keys.Where((_, i) => endless[i])], next);
    }
}
