namespace Latchwork.Redis.Timers;

/// <content>Receiving notifications: one channel for each node and partition, so that sharded channels are possible later.</content>
internal sealed partial class RedisTimerStore
{
    public async Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<WakeNotification> notify, CancellationToken cancellationToken)
    {
        var subscriptions = new Subscriptions();
        try
        {
            await EachAsync(ns, SubscribeAsync).ConfigureAwait(false);
        }
        catch
        {
            await subscriptions.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        return subscriptions;

        async Task<bool> SubscribeAsync(TimerPartition partition)
        {
            IAsyncDisposable subscription = await connection.SubscribeAsync(
                keySpace.Of(partition).ChannelPrefix + nodeId,
                message => notify(ReadNotification(partition.Index, message.Span)),
                () => notify(Missed(partition.Index)),
                cancellationToken).ConfigureAwait(false);
            subscriptions.Add(subscription);
            return true;
        }
    }

    private static WakeNotification Missed(int partition) => new(WakeNotificationKind.Missed, partition, TimeSpan.Zero, default);

    /// <summary>
    /// Reads <c>c DUE NOW</c> (claim it then), <c>g DUE NOW</c> (guard it: a grace later), <c>r LENGTH TOKEN+ID</c> (revoked) or <c>p 0</c> (paused).
    /// Anything else comes from another version or another hand: it makes the node look, and no harm is done.
    /// </summary>
    private static WakeNotification ReadNotification(int partition, ReadOnlySpan<byte> message)
    {
        if (message.Length < 2 || message[1] != (byte)' ') return Missed(partition);
        byte kind = message[0];
        message = message[2..];
        if (kind == 'p') return new WakeNotification(WakeNotificationKind.Paused, partition, TimeSpan.Zero, default);
        if (!TimerCodec.TryReadNumber(ref message, out long first)) return Missed(partition);
        switch (kind)
        {
            case (byte)'c' or (byte)'g' when TimerCodec.TryReadLastNumber(message, out long nowUs):
                TimeSpan askIn = TimerCodec.Until(first, nowUs);
                if (kind == 'g') askIn += TimeSpan.FromMilliseconds(Random.Shared.Next(MinGrace, MaxGrace));
                return new WakeNotification(WakeNotificationKind.Due, partition, askIn, default);
            case (byte)'r' when first <= message.Length:
                string token = Encoding.UTF8.GetString(message[..(int)first]);
                string id = Encoding.UTF8.GetString(message[(int)first..]);
                return new WakeNotification(WakeNotificationKind.Revoked, partition, TimeSpan.Zero, new DeliveryKey(id, token));
            default:
                return Missed(partition);
        }
    }

    private sealed class Subscriptions : IAsyncDisposable
    {
        private readonly ConcurrentBag<IAsyncDisposable> _all = []; // they come on threads of the store

        public void Add(IAsyncDisposable subscription) => _all.Add(subscription);

        public async ValueTask DisposeAsync()
        {
            foreach (IAsyncDisposable subscription in _all) await subscription.DisposeAsync().ConfigureAwait(false);
        }
    }
}
