using Latchwork.Redis.Connections;
using Latchwork.Storage;

namespace Latchwork.Redis.Locking;

/// <content>Looking at keys.</content>
internal sealed partial class RedisLockerStore
{
    /// <inheritdoc/>
    public async Task<KeySnapshot?> ShowAsync(LockerKey key, CancellationToken cancellationToken)
    {
        RedisReply reply = await EvaluateAsync(LockerScripts.Show, key, [Now, Format], cancellationToken).ConfigureAwait(false);
        if (reply.IsNull) return null;
        ReadOnlySpan<RedisReply> items = reply.Items;
        bool isLocked = items[0].Number != 0, isFresh = items[5].Number != 0;
        return new KeySnapshot
        {
            Key = key.Key,
            IsLocked = isLocked,
            Generation = items[1].Number,
            NodeId = isLocked ? items[2].Text : null,
            Age = isLocked ? Span(items[3]) : null,
            LeaseLeft = isLocked ? Span(items[4]) : null,
            FreshFor = isFresh ? Span(items[6]) : null,
            IsFailure = isFresh && Kind(items[7]) == LockerOutcomeKind.Failure,
        };
    }

    /// <inheritdoc/>
    public async Task<LockerPage> ListAsync(string ns, string? cursor, int limit, CancellationToken cancellationToken)
    {
        RedisReply reply = await EvaluateAsync(
            LockerScripts.Scan, [], [cursor ?? "0", _keys.LockPattern(ns), limit], cancellationToken).ConfigureAwait(false);
        string next = reply.Items[0].Text;
        IEnumerable<Task<KeySnapshot?>> looks = Names(reply.Items[1].Items)
            .Select(name => _keys.KeyOfLock(ns, name))
            .OfType<string>()
            .Select(key => ShowAsync(new LockerKey(ns, key), cancellationToken));

        // The looks are sent one after the other, without waiting for the replies in between.
        KeySnapshot?[] keys = await Task.WhenAll(looks).ConfigureAwait(false);
        return new LockerPage([.. keys.OfType<KeySnapshot>().Where(key => key.IsLocked)], next == "0" ? null : next);
    }

    private static string[] Names(ReadOnlySpan<RedisReply> replies)
    {
        var names = new string[replies.Length];
        for (int i = 0; i < names.Length; i++) names[i] = replies[i].Text;
        return names;
    }
}
