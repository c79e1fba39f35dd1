using System.Text;
using Microsoft.Extensions.Logging;

namespace Latchwork.Redis.Connections;

/// <summary>
/// Finds out to which command a message of the server belongs. Replies come in the order of the commands. A subscription that succeeded is
/// answered by a push alone, at the same place in that order, and a refused one by an error; so the push, too, must fit the next command.
/// </summary>
internal sealed class ReplyHandler(CommandPipeline pipeline, SubscriptionTable subscriptions, string server, ILogger logger, IClusterLink? link = null)
{
    /// <exception cref="RedisProtocolException">The message fits no command.</exception>
    public void Handle(in RespMessage message)
    {
        if (message.IsPush)
            OnPush(message.Reply.Items);
        else
            OnReply(message.Reply);
    }

    private void OnPush(ReadOnlySpan<RedisReply> items)
    {
        if (items.Length < 3 || items[0].Kind != RedisReplyKind.Bytes || items[1].Kind != RedisReplyKind.Bytes)
            return; // Some other kind of push: nothing that was asked for.
        ReadOnlySpan<byte> kind = items[0].Bytes.Span;
        if (kind.SequenceEqual("message"u8) || kind.SequenceEqual("smessage"u8))
        {
            foreach (Subscription subscription in subscriptions.Of(items[1].Bytes.Span))
                Call(subscription.OnMessage, items[2].Bytes);
        }
        else if (kind.SequenceEqual("subscribe"u8) || kind.SequenceEqual("ssubscribe"u8))
        {
            OnSubscribed(TakeFor(items[1], CommandKind.Subscribe, CommandKind.Resubscribe));
        }
        else if (kind.SequenceEqual("unsubscribe"u8))
        {
            PendingCommand command = TakeFor(items[1], CommandKind.Unsubscribe, CommandKind.Unsubscribe);
            command.Release();
            command.Succeed(RedisReply.Null);
        }
        else if (kind.SequenceEqual("sunsubscribe"u8))
        {
            OnShardedEnd(items[1].Text);
        }
    }

    // The slot has moved, or this is the echo of an end that was asked for; then nobody has a subscription that stands.
    private void OnShardedEnd(string channel)
    {
        if (Array.Exists(subscriptions.Of(channel), subscription => subscription.IsEstablished))
            link?.OnChannelLost(channel);
    }

    private PendingCommand TakeFor(in RedisReply channel, CommandKind kind, CommandKind otherKind)
    {
        PendingCommand? command = pipeline.TakeReplied(channel, out _);
        if (command is null || (command.Kind != kind && command.Kind != otherKind) || command.Channel != Encoding.UTF8.GetString(channel.Bytes.Span))
        {
            command?.Fail(RedisErrors.ConnectionBroke(command, "the replies are out of step"));
            throw new RedisProtocolException("a change of a subscription that was not asked for");
        }

        return command;
    }

    private void OnSubscribed(PendingCommand command)
    {
        command.Release();
        command.OnSubscribed?.Invoke();
        command.Succeed(RedisReply.Null);
        if (command.Kind != CommandKind.Resubscribe)
            return;
        foreach (Subscription subscription in subscriptions.Of(command.Channel!))
        {
            if (subscription.IsEstablished)
                Call(_ => subscription.OnRestored(), default);
        }
    }

    private void OnReply(in RedisReply reply)
    {
        PendingCommand command = pipeline.TakeReplied(reply, out bool isLast) ?? throw new RedisProtocolException(
            reply.Kind == RedisReplyKind.Error ? $"the server said unasked: {reply.Text}" : "a reply to no command");
        if (!isLast)
            return;
        RedisReply answer = command.First ?? reply;
        if (answer.Kind != RedisReplyKind.Error)
        {
            OnSuccess(command, command.HasWait ? RedisReply.OfItems([answer, reply]) : reply);
            return;
        }

        command.First = null;
        string text = answer.Text;
        if (command.Kind == CommandKind.Evaluate && command.Misses < 2 && !command.IsSettled && text.StartsWith("NOSCRIPT", StringComparison.Ordinal))
        {
            pipeline.Retry(command); // The server does not have the script, so nothing has run.
            return;
        }

        if (command.Slot >= 0 && link is not null)
        {
            pipeline.AwaitSent(command);
            if (link.TakeRefused(command, text))
                return;
        }

        string? state = RedisErrors.PassingState(text);
        if (state is not null)
        {
            pipeline.Retire(state);
            if (command.Kind is CommandKind.Evaluate or CommandKind.Plain or CommandKind.Subscribe && pipeline.SendAgain(command, state))
                return;
        }

        command.Release();
        switch (command.Kind)
        {
            case CommandKind.Evaluate:
            case CommandKind.Plain:
            case CommandKind.Subscribe:
                command.Fail(RedisErrors.FromServer(text, command.Name));
                break;
            case CommandKind.Resubscribe when link is not null:
                link.OnChannelLost(command.Channel!);
                break;
            case CommandKind.Resubscribe:
                RedisLog.ResubscribeRefused(logger, server, text);
                break;
            default:
                break; // A script that cannot be loaded is sent whole next; a subscription that cannot be ended has no listener left.
        }
    }

    private static void OnSuccess(PendingCommand command, in RedisReply reply)
    {
        command.Release();
        if (command.Kind is CommandKind.Evaluate or CommandKind.Plain or CommandKind.LoadScript)
        {
            command.Succeed(reply);
            return;
        }

        command.Fail(RedisErrors.ConnectionBroke(command, "the replies are out of step"));
        throw new RedisProtocolException("a reply where a push was due");
    }

    private void Call(Action<ReadOnlyMemory<byte>> callback, ReadOnlyMemory<byte> message)
    {
        try
        {
            callback(message);
        }
        catch (Exception e)
        {
            RedisLog.CallbackFailed(logger, server, e); // One subscriber must not silence the others.
        }
    }
}
