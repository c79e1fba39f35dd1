using System.Runtime.CompilerServices;

namespace Latchwork.Cli.Commands;

/// <summary>Finds the store that is meant and opens it.</summary>
internal static class StoreResolver
{
    public const string Variable = "LATCHWORK_STORE";

    private const string Memory = "memory:";

    /// <summary>The address of the store: the option, else the environment.</summary>
    public static string Find(string? option, Terminal terminal)
    {
        string? address = option ?? terminal.Environment(Variable);
        if (string.IsNullOrWhiteSpace(address))
        {
            throw new CliException(
                ExitCodes.BadInput,
                $"no store is set: give --store redis://localhost:6379 or set {Variable} (--store memory: lives only as long as the command)");
        }

        return address.Trim();
    }

    /// <summary>Opens a store.</summary>
    /// <param name="address">Its address.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The store.</returns>
    public static async Task<LatchworkStore> OpenAsync(string address, CancellationToken cancellationToken)
    {
        if (IsMemory(address)) return new InMemoryStore();
        if (FindError(address) is { } error) throw new CliException(ExitCodes.BadInput, error);
        return await ConnectToRedisAsync(address, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether the address means a store in this process.</summary>
    public static bool IsMemory(string address) => address.Equals(Memory, StringComparison.OrdinalIgnoreCase);

    // Only what the connection could not know: a word that it would take for the name of a host.
    private static string? FindError(string address)
    {
        int scheme = address.IndexOf("://", StringComparison.Ordinal);
        if (scheme >= 0)
        {
            string name = address[..scheme].ToLowerInvariant();
            return name is "redis" or "rediss" or "redis+sentinel" or "rediss+sentinel" or "redis+unix" or "unix" or "valkey" or "valkeys"
                ? null
                : $"the store '{name}://…' is not known: use redis://host:port or memory:";
        }

        bool looksLikeAddress = address.AsSpan().IndexOfAny(":,/") >= 0 && !address.StartsWith("sqlite:", StringComparison.OrdinalIgnoreCase);
        return looksLikeAddress ? null : $"the store '{address}' is not known: use redis://host:port or memory:";
    }

    // On its own, so that a command that needs no Redis does not load its assembly.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<LatchworkStore> ConnectToRedisAsync(string address, CancellationToken cancellationToken) =>
        await RedisStore.ConnectAsync(address, cancellationToken).ConfigureAwait(false);
}
