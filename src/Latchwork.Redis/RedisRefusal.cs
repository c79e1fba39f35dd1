namespace Latchwork.Redis;

/// <summary>What an error means that a script itself has raised; those of the server are judged before (see <see cref="RedisFailures"/>).</summary>
internal static class RedisRefusal
{
    private const string LayoutCode = "LWLAYOUT";

    /// <summary>The namespace is being moved; its mark follows.</summary>
    private const string SealedCode = "LWSEALED";

    /// <summary>The namespace is not closed by the move that is under way; its mark follows, if it has one.</summary>
    private const string OtherMoveCode = "LWMOVE";

    /// <summary>The record of a lock cannot be read.</summary>
    private const string DamagedCode = "LWDAMAGED";

    /// <summary>Awaits a script, and makes an error of the server one of the store. <paramref name="layout"/> is the one with which this client works.</summary>
    public static async ValueTask<T> TranslateAsync<T>(ValueTask<T> pending, RedisScript script, string layout, NamespaceRef unit, string? key = null)
    {
        try
        {
            return await pending.ConfigureAwait(false);
        }
        catch (RedisServerException e)
        {
            throw Of(e, script, layout, unit, key);
        }
    }

    public static LatchworkStoreException Of(RedisServerException error, RedisScript script, string layout, NamespaceRef unit, string? key = null)
    {
        string code = RedisFailures.CodeOf(error, out _);
        if (code is SealedCode or OtherMoveCode)
        {
            var seal = TransferMark.Parse(error.Message[code.Length..].Trim());
            return code == SealedCode && seal is not null ? MaintenanceRules.Refuse(unit, seal) : MaintenanceRules.NotSealed(unit, seal);
        }

        if (code == LayoutCode) return OtherLayout(error, layout, unit);
        if (code == DamagedCode)
        {
            return new LatchworkStoreException(
                $"The record of the key '{key}' in the namespace '{unit.Namespace}' of locks is damaged: its bytes are no record. Nothing was changed. Delete the key of Redis whose name ends with '{{l:…:{key}}}:lock'.",
                StoreOutcome.NotApplied);
        }

        // An error of the script itself: every script checks its arguments before its first write, but nobody knows how far this one came.
        return new LatchworkStoreException($"Redis refused the script '{script.Name}': {error.Message}", StoreOutcome.Unknown, error);
    }

    /// <summary>Says which layouts they are, and what to do.</summary>
    private static LatchworkStoreException OtherLayout(RedisServerException error, string layout, NamespaceRef unit)
    {
        string found = error.Message[(LayoutCode.Length + 1)..];
        string partitions = PartsOf(found, "partitions="), mine = PartsOf(layout, "partitions=");
        string message = $"{MaintenanceRules.Capital(unit)} is laid out in Redis with {found}; this client works with {layout}. Nothing was changed.";
        if (PartsOf(found, "format=") != PartsOf(layout, "format=")) return Refused("The namespace was made by another version of Latchwork.");
        if (partitions.Split('>') is not [_, var to])
            return Refused($"Set RedisOptions.Partitions, or '?partitions={partitions}' in the address, of every client; or stop all clients and run 'latchwork timer repartition {unit.Namespace} --to {mine}'.");
        string then = to == mine ? "" : $" Afterwards only clients with '?partitions={to}' can work with it.";
        return Refused($"Its number of partitions is being changed by 'latchwork timer repartition'; if that was interrupted, run it again with '--to {to}'.{then}", to == mine);

        LatchworkStoreException Refused(string help, bool isTransient = false) =>
            new($"{message} {help}", StoreOutcome.NotApplied, error) { IsTransient = isTransient };

        static string PartsOf(string text, string name) =>
            text.Split(' ').FirstOrDefault(part => part.StartsWith(name, StringComparison.Ordinal))?[name.Length..] ?? "?";
    }
}
