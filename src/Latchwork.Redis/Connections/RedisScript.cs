using System.Reflection;
using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace Latchwork.Redis.Connections;

/// <summary>A Lua script and the hash by which the server knows it.</summary>
internal sealed class RedisScript(string name, string source)
{
    private const string Publish = "'PUBLISH'";
    private RedisScript? _inCluster;

    /// <summary>
    /// The same for a member of a cluster, where messages go through sharded channels if the server has them (from Redis 7 on). The script asks
    /// for that itself when it runs, so that while servers are upgraded each does what its own subscribers expect.
    /// </summary>
    public RedisScript InCluster => _inCluster ??= Source.Contains(Publish, StringComparison.Ordinal)
        ? new RedisScript(Name, Source.Replace(Publish, "redis.REDIS_VERSION_NUM and 'SPUBLISH' or 'PUBLISH'", StringComparison.Ordinal))
        : this;

    public string Name { get; } = name;
    public string Source { get; } = source;

    /// <summary>The SHA-1 of its text: 20 bytes.</summary>
#pragma warning disable CA5350 // Redis names scripts by SHA-1; nothing here is a secret.
    public byte[] Hash { get; } = SHA1.HashData(Encoding.UTF8.GetBytes(source));
#pragma warning restore CA5350

    /// <summary>The same in lower-case hexadecimal digits.</summary>
    public string Sha1 => Convert.ToHexStringLower(Hash);
}

/// <summary>
/// Reads the Lua scripts, which are resources of this assembly, and puts in the fragments that they share. A line
/// <c>-- @include NAME</c> stands for the file <c>Parts/NAME.lua</c> beside the script or, if there is none, for that in the nearest folder above; a
/// fragment may include others.
/// </summary>
internal static partial class RedisScripts
{
    /// <summary>Loads a script with its fragments: <c>Timers/Post</c>, for example. It throws if one is missing, or includes itself.</summary>
    public static RedisScript Load(string path) => new(path, Resolve(path, Read));

    /// <summary>Puts in the fragments; <paramref name="read"/> gives the text of a file, or null if there is none.</summary>
    internal static string Resolve(string path, Func<string, string?> read) => Resolve(path, path, read, []) + "\n";

    private static string Resolve(string path, string script, Func<string, string?> read, string[] open)
    {
        if (open.Contains(path)) throw new InvalidOperationException($"The script fragment '{path}' includes itself.");
        string source = read(path) ?? throw new InvalidOperationException(
            open is [.., var by] ? $"There is no script fragment '{path}', which '{by}' includes." : $"There is no script '{path}'.");
        return Include().Replace(source.TrimEnd('\n'), include => Resolve(Find(include.Groups[1].Value, script, read), script, read, [.. open, path]));
    }

    /// <summary>The nearest fragment of a name; if there is none, where it should be.</summary>
    private static string Find(string name, string script, Func<string, string?> read)
    {
        string nearest = "";
        for (int end = script.LastIndexOf('/'); ; end = end <= 0 ? -1 : script.LastIndexOf('/', end - 1))
        {
            string path = $"{script[..(end + 1)]}Parts/{name}";
            if (nearest.Length == 0) nearest = path;
            if (read(path) is not null) return path;
            if (end < 0) return nearest;
        }
    }

    private static string? Read(string path)
    {
        using Stream? stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(path + ".lua");
        return stream is null ? null : new StreamReader(stream, Encoding.UTF8).ReadToEnd();
    }

    [GeneratedRegex(@"^[ \t]*-- @include (\S+)[ \t]*$", RegexOptions.Multiline)]
    private static partial Regex Include();
}
