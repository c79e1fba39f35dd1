using System.Globalization;

namespace Latchwork.Redis.Connections;

/// <summary>What a server said of itself.</summary>
internal readonly record struct ServerInfo(string Product, string Version)
{
    private static readonly Version _sharding = new(7, 0);

    /// <summary>Whether it has sharded channels (<c>SSUBSCRIBE</c>, <c>SPUBLISH</c>).</summary>
    public bool HasShardedChannels => Product == "valkey" || (System.Version.TryParse(Version.Split('-')[0], out Version? parsed) && parsed >= _sharding);
}

/// <summary>
/// The first words on a new connection: protocol, user, name, database, in one round trip. It finds out whether this is a server that can
/// be worked with at all.
/// </summary>
internal sealed class RedisHandshake(RedisOptions options, RedisCredentials? credentials, GreetingTalk talk, bool anyRole = false)
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
            throw talk.Failure($"it does not speak the Redis protocol ({e.Message}). Is it a Redis server{(options.Tls is null ? ", and a port without TLS" : "")}?", e);
        }
    }

    private ServerInfo Greet()
    {
        var hello = new List<string> { "HELLO", "3" };
        if (credentials is not null)
            hello.AddRange(["AUTH", credentials.User ?? "default", credentials.Password]);
        if (!string.IsNullOrEmpty(options.ClientName))
            hello.AddRange(["SETNAME", options.ClientName]);

        // PING is refused while the server loads its data; HELLO is not.
        // What ending a sharded subscription needs is asked for in advance.
        string[][] more = options.Cluster ? [["CLIENT", "REPLY", "ON"]] : [];
        talk.Send([[.. hello], ["SELECT", options.Database.ToString(CultureInfo.InvariantCulture)], ["PING"], .. more]);
        RedisReply greeting = talk.Next();
        if (greeting.Kind == RedisReplyKind.Error)
            throw HelloRefused(greeting.Text);
        if (greeting.Kind != RedisReplyKind.Array || Field(greeting, "proto") != "3")
            throw talk.Failure("it answers, but not as a Redis server does.");
        ServerInfo server = Check(greeting);

        RedisReply selected = talk.Next();
        if (selected.Kind == RedisReplyKind.Error && (options.Database != 0 || !selected.Text.StartsWith("NOPERM", StringComparison.Ordinal)))
            throw Refused($"selecting database {options.Database}", selected.Text);
        RedisReply alive = talk.Next();
        if (alive.Kind == RedisReplyKind.Error && !alive.Text.StartsWith("NOPERM", StringComparison.Ordinal))
            throw Refused("PING", alive.Text); // A user who may not PING is welcome all the same.
        if (options.Cluster && talk.Next() is { Kind: RedisReplyKind.Error } refused && server.HasShardedChannels)
            throw Refused("CLIENT REPLY", refused.Text);
        return server;
    }

    private ServerInfo Check(in RedisReply greeting)
    {
        string product = Field(greeting, "server") ?? "redis";
        string version = Field(greeting, "version") ?? "";
        if (Field(greeting, "mode") == "sentinel")
            throw talk.Failure("it is a Sentinel, which holds no data; connect to the Redis server that it watches.");
        CheckVersion(product, version);
        bool isMember = Field(greeting, "mode") == "cluster";
        if (isMember && !options.Cluster)
            throw talk.Failure($"it is a member of a Redis Cluster; write {(options.Tls is null ? "redis" : "rediss")}+cluster://{string.Join<RedisEndpoint>(',', options.Servers())}.");
        if (!isMember && options.Cluster)
            throw talk.Failure($"it is no member of a Redis Cluster; write {(options.Tls is null ? "redis" : "rediss")}://{string.Join<RedisEndpoint>(',', options.Servers())}.");
        string role = Field(greeting, "role") ?? "master";
        if (role != "master" && !anyRole)
            throw talk.Failure($"it is a read-only replica (role: {role}); connect to its primary.", isTransient: true);
        return new ServerInfo(product, version);
    }

    private void CheckVersion(string product, string version)
    {
        if (product == "valkey")
            return; // Every Valkey is younger.
        if (!Version.TryParse(version.Split('-')[0], out Version? parsed) || parsed < _oldest)
            throw talk.Failure($"it is {product} {(version.Length == 0 ? "of unknown version" : version)}, and Redis {_oldest} or later, or Valkey, is needed.");
    }

    private LatchworkStoreException HelloRefused(string text)
    {
        if (!text.StartsWith("ERR unknown command", StringComparison.OrdinalIgnoreCase))
            return Refused("HELLO", text);

        // Before Redis 6 there was no HELLO. INFO tells how old it is; it may need the password.
        if (credentials?.Password is { } password)
            talk.Send(["AUTH", password], ["INFO", "server"]);
        else
            talk.Send(["INFO", "server"]);
        RedisReply info = default;
        for (int left = (credentials is null ? 3 : 4) + (options.Cluster ? 1 : 0); left > 0; left--)
            info = talk.Next();
        string version = "";
        if (info.Kind == RedisReplyKind.Bytes)
            version = Array.Find(info.Text.Split("\r\n"), line => line.StartsWith("redis_version:", StringComparison.Ordinal))?["redis_version:".Length..] ?? "";
        return talk.Failure($"it is Redis {(version.Length == 0 ? "before 6.0" : Redact(version))}, and Redis {_oldest} or later, or Valkey, is needed.");
    }

    internal static string? Field(in RedisReply map, string name)
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
        if (code == "WRONGPASS" && credentials?.User is not null)
            help = $"it does not accept this password for the user '{credentials.User}', or the user is disabled.";
        return talk.Failure($"{(help.Length == 0 ? $"it refused {what}." : help)} The server said: {text}", isTransient: transient);
    }

    // Old servers repeat the arguments of a command that they do not know.
    private string Redact(string text) => string.IsNullOrEmpty(credentials?.Password) ? text : text.Replace(credentials.Password, "***", StringComparison.Ordinal);
}
