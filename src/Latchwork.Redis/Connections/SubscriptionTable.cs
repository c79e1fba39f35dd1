using System.Buffers;
using System.Text;

namespace Latchwork.Redis.Connections;

/// <summary>One subscriber of one channel.</summary>
internal sealed class Subscription(string channel, Action<ReadOnlyMemory<byte>> onMessage, Action onRestored, Action<Subscription> end) : IAsyncDisposable
{
    private int _ended;

    public string Channel { get; } = channel;

    public Action<ReadOnlyMemory<byte>> OnMessage { get; } = onMessage;

    public Action OnRestored { get; } = onRestored;

    /// <summary>Whether the server has confirmed it once: only then is there something to restore.</summary>
    public bool IsEstablished { get; set; }

    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0)
            end(this);
        return ValueTask.CompletedTask;
    }
}

/// <summary>Who listens to which channel. A channel's list is replaced, never changed, so that it can be walked without the lock.</summary>
internal sealed class SubscriptionTable
{
    private readonly Dictionary<string, Subscription[]> _channels = new(StringComparer.Ordinal);

    /// <summary>Held while a change and the command that belongs to it are put in order.</summary>
    public object Gate { get; } = new();

    /// <summary>Whether channels are sharded: in a cluster, messages go only to the servers of the channel's slot. Changed under <see cref="Gate"/>.</summary>
    public bool IsSharded { get; set; }

    /// <summary>Subscribes to a channel, worded for the server of the moment.</summary>
    public CommandBytes Subscribe(string channel) => RespWriter.Words(IsSharded ? "SSUBSCRIBE" : "SUBSCRIBE", channel);

    /// <summary>Ends a subscription, worded for the server of the moment.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="deadline">Of the command.</param>
    public PendingCommand Unsubscribe(string channel, long deadline)
    {
        CommandBytes plain = RespWriter.Words(IsSharded ? "SUNSUBSCRIBE" : "UNSUBSCRIBE", channel);
        if (!IsSharded)
            return new PendingCommand(CommandKind.Unsubscribe, plain, deadline) { Channel = channel };

        // When the slot moves, the server ends the subscription by itself, with the same push; then the answer is an error and no push comes.
        // So no answer is wanted: pushes come all the same, and mean that the subscription is no more, whoever ended it.
        byte[] bytes = plain.Span.ToArray();
        ArrayPool<byte>.Shared.Return(plain.Array);
        return new PendingCommand(CommandKind.Unsubscribe, RespWriter.Join(RespWriter.Words("CLIENT", "REPLY", "SKIP"), bytes), deadline)
        {
            Channel = channel,
            HasNoReply = true,
        };
    }

    public void Add(Subscription subscription)
    {
        lock (Gate)
            _channels[subscription.Channel] = [.. Of(subscription.Channel), subscription];
    }

    /// <summary>Takes a subscriber out.</summary>
    /// <returns>Whether it was the channel's last one.</returns>
    public bool Remove(Subscription subscription)
    {
        lock (Gate)
        {
            Subscription[] rest = Array.FindAll(Of(subscription.Channel), other => !ReferenceEquals(other, subscription));
            if (rest.Length > 0)
                _channels[subscription.Channel] = rest;
            else
                return _channels.Remove(subscription.Channel);
            return false;
        }
    }

    public Subscription[] Of(string channel)
    {
        lock (Gate)
            return _channels.GetValueOrDefault(channel) ?? [];
    }

    public Subscription[] Of(ReadOnlySpan<byte> channel) => Of(Encoding.UTF8.GetString(channel));

    public string[] Channels()
    {
        lock (Gate)
            return [.. _channels.Keys];
    }
}
