namespace Latchwork.StoreConformance.Support;

/// <summary>Which server is started: <c>redis-server</c>, or the one that <c>REDIS_SERVER</c> names: Valkey, or another version of Redis.</summary>
internal static class RedisProgram
{
    /// <summary>The environment variable.</summary>
    public const string Variable = "REDIS_SERVER";

    private const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>The program of the server; as a Sentinel it is started with <c>--sentinel</c>.</summary>
    /// <exception cref="InvalidOperationException">The variable names what cannot be started.</exception>
    public static string Server => Named(Environment.GetEnvironmentVariable(Variable));

    /// <summary>The program for a value of the variable.</summary>
    /// <param name="value">The value; null or empty for <c>redis-server</c>.</param>
    /// <exception cref="InvalidOperationException">It names what cannot be started.</exception>
    public static string Named(string? value)
    {
        if (string.IsNullOrEmpty(value)) return "redis-server";
        if (!Path.IsPathFullyQualified(value)) throw Wrong(value, "is not a full path");
        if (Directory.Exists(value)) throw Wrong(value, "is a folder");
        if (!File.Exists(value)) throw Wrong(value, "does not exist");
        return OperatingSystem.IsWindows() || (File.GetUnixFileMode(value) & Executable) != 0 ? value : throw Wrong(value, "is not executable");
    }

    private static InvalidOperationException Wrong(string value, string what) =>
        new($"{Variable} is '{value}', which {what}: it must be the full path of a server such as redis-server or valkey-server.");
}
