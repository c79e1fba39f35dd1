namespace Latchwork.Redis.Connections;

/// <summary>Questions and answers on a new connection, before it is used for anything else; by its thread, with a deadline.</summary>
/// <param name="transport">The connection.</param>
/// <param name="input">What arrives on it.</param>
/// <param name="server">For messages.</param>
/// <param name="deadline">On the clock of <see cref="Environment.TickCount64"/>.</param>
/// <param name="timeout">What the deadline came from, for messages.</param>
internal sealed class GreetingTalk(RedisTransport transport, RespInput input, string server, long deadline, TimeSpan timeout)
{
    /// <summary>Asks several things in one go.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public void Send(params ReadOnlySpan<string[]> commands)
    {
        var all = new MemoryStream();
        foreach (string[] words in commands)
            all.Write(RespWriter.Words(words).Span);
        transport.SetTimeouts(Left, Left);
        transport.Send(all.GetBuffer().AsSpan(0, (int)all.Length));
    }

    /// <summary>The next answer. Push messages in between are dropped.</summary>
    /// <exception cref="LatchworkStoreException">None came in time.</exception>
    /// <exception cref="RedisProtocolException">It is none.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public RedisReply Next()
    {
        RespMessage message;
        while (!input.TryNext(out message) || message.IsPush)
        {
            if (Environment.TickCount64 >= deadline)
                throw Failure($"it accepted the connection but did not answer within {RedisErrors.Text(timeout)} (the connect timeout).", isTransient: true);
            transport.SetTimeouts(Left, Left);
            input.Receive();
        }

        return message.Reply;
    }

    public LatchworkStoreException Failure(string what, Exception? cause = null, bool isTransient = false) =>
        new($"Cannot use the server at {server}: {what}", StoreOutcome.NotApplied, cause) { IsTransient = isTransient };

    private TimeSpan Left => TimeSpan.FromMilliseconds(Math.Max(1, deadline - Environment.TickCount64));
}
