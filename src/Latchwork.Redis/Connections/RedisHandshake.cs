using System.Globalization;

namespace Latchwork.Redis.Connections;

/// <summary>What a server said of itself.</summary>
internal readonly record struct ServerInfo(string Product, string Version);

/// <summary>
/// The first words on a new connection: protocol, user, name, database, in one round trip. It finds out whether this is a server that can
/// be worked with at all.
/// </summary>
internal sealed class RedisHandshake(RedisOptions options, RedisTransport transport, RespInput input, long deadline)
{
    private static readonly Version _oldest = new(6, 2);

    /// <exception cref="LatchworkStoreException">The server refuses or cannot be worked with.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public ServerInfo Run()
    {
        try
        {
            return Greet();
        }
        catch (RedisProtocolException e)
        {
            throw Failure($"it does not speak the Redis protocol ({e.Message}). Is it a Redis server, and a port without TLS?", e);
        }
    }

    private ServerInfo Greet()
    {
        var hello = new List<string> { "HELLO", "3" };
        if (options.Password is not null)
            hello.AddRange(["AUTH", options.User ?? "default", options.Password]);
        if (!string.IsNullOrEmpty(options.ClientName))
            hello.AddRange(["SETNAME", options.ClientName]);

        // PING is refused while the server loads its data; HELLO is not.
        Send([.. hello], ["SELECT", options.Database.ToString(CultureInfo.InvariantCulture)], ["PING"]);
        RedisReply greeting = Next();
        if (greeting.Kind == RedisReplyKind.Error)
            throw HelloRefused(greeting.Text);
        if (greeting.Kind != RedisReplyKind.Array || Field(greeting, "proto") != "3")
            throw Failure("it answers, but not as a Redis server does.");
        ServerInfo server = Check(greeting);

        RedisReply selected = Next();
        if (selected.Kind == RedisReplyKind.Error && (options.Database != 0 || !selected.Text.StartsWith("NOPERM", StringComparison.Ordinal)))
            throw Refused($"selecting database {options.Database}", selected.Text);
        RedisReply alive = Next();
        if (alive.Kind == RedisReplyKind.Error && !alive.Text.StartsWith("NOPERM", StringComparison.Ordinal))
            throw Refused("PING", alive.Text); // A user who may not PING is welcome all the same.
        return server;
    }

    private ServerInfo Check(in RedisReply greeting)
    {
        string product = Field(greeting, "server") ?? "redis";
        string version = Field(greeting, "version") ?? "";
        if (Field(greeting, "mode") == "sentinel")
            throw Failure("it is a Sentinel, which holds no data; connect to the Redis server that it watches.");
        CheckVersion(product, version);
        string role = Field(greeting, "role") ?? "master";
        if (role != "master")
            throw Failure($"it is a read-only replica (role: {role}); connect to its primary.", isTransient: true);
        return new ServerInfo(product, version);
    }

    private void CheckVersion(string product, string version)
    {
        if (product == "valkey")
            return; // Every Valkey is younger.
        if (!Version.TryParse(version.Split('-')[0], out Version? parsed) || parsed < _oldest)
            throw Failure($"it is {product} {(version.Length == 0 ? "of unknown version" : version)}, and Redis {_oldest} or later, or Valkey, is needed.");
    }

    private LatchworkStoreException HelloRefused(string text)
    {
        if (!text.StartsWith("ERR unknown command", StringComparison.OrdinalIgnoreCase))
            return Refused("HELLO", text);

        // Before Redis 6 there was no HELLO. INFO tells how old it is; it may need the password.
        if (options.Password is { } password)
            Send(["AUTH", password], ["INFO", "server"]);
        else
            Send(["INFO", "server"]);
        RedisReply info = default;
        for (int left = options.Password is null ? 3 : 4; left > 0; left--)
            info = Next();
        string version = "";
        if (info.Kind == RedisReplyKind.Bytes)
            version = Array.Find(info.Text.Split("\r\n"), line => line.StartsWith("redis_version:", StringComparison.Ordinal))?["redis_version:".Length..] ?? "";
        return Failure($"it is Redis {(version.Length == 0 ? "before 6.0" : Redact(version))}, and Redis {_oldest} or later, or Valkey, is needed.");
    }

    private RedisReply Next()
    {
        RespMessage message;
        while (!input.TryNext(out message) || message.IsPush)
        {
            long left = deadline - Environment.TickCount64;
            if (left <= 0)
                throw Failure($"it accepted the connection but did not answer within {RedisErrors.Text(options.ConnectTimeout)} (the connect timeout).", isTransient: true);
            transport.SetTimeouts(TimeSpan.FromMilliseconds(left), TimeSpan.FromMilliseconds(left));
            input.Receive();
        }

        return message.Reply;
    }

    private void Send(params ReadOnlySpan<string[]> commands)
    {
        var all = new MemoryStream();
        foreach (string[] words in commands)
            all.Write(RespWriter.Words(words).Span);
        transport.Send(all.GetBuffer().AsSpan(0, (int)all.Length));
    }

    private static string? Field(in RedisReply map, string name)
    {
        ReadOnlySpan<RedisReply> items = map.Items;
        for (int i = 0; i + 1 < items.Length; i += 2)
        {
            if (items[i].Kind == RedisReplyKind.Bytes && items[i].Text == name)
                return items[i + 1].Kind switch { RedisReplyKind.Bytes => items[i + 1].Text, RedisReplyKind.Number => $"{items[i + 1].Number}", _ => null };
        }

        return null;
    }

    private LatchworkStoreException Refused(string what, string text)
    {
        text = Redact(text);
        string code = new RedisServerException(text).Code;
        (string help, bool transient) = RedisErrors.Explain(code) ?? ("", text.Contains("max number of clients", StringComparison.Ordinal));
        if (code == "NOAUTH")
            help = "it needs a password; give one as redis://user:password@host, or password=… in a connection string.";
        if (code == "WRONGPASS" && options.User is not null)
            help = $"it does not accept this password for the user '{options.User}', or the user is disabled.";
        return Failure($"{(help.Length == 0 ? $"it refused {what}." : help)} The server said: {text}", isTransient: transient);
    }

    private LatchworkStoreException Failure(string what, Exception? cause = null, bool isTransient = false) =>
        new($"Cannot use the server at {options}: {what}", StoreOutcome.NotApplied, cause) { IsTransient = isTransient };

    // Old servers repeat the arguments of a command that they do not know.
    private string Redact(string text) => string.IsNullOrEmpty(options.Password) ? text : text.Replace(options.Password, "***", StringComparison.Ordinal);
}
