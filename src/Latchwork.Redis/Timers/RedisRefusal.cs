using Latchwork.Redis.Connections;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Redis.Timers;

/// <summary>What an error of the server means for the script that it answers.</summary>
internal static class RedisRefusal
{
    private const string LayoutCode = "LWLAYOUT";

    /// <summary>The namespace is being moved; its mark follows.</summary>
    private const string SealedCode = "LWSEALED";

    /// <summary>The namespace is not sealed by the move that is under way; its mark follows, if it has one.</summary>
    private const string OtherMoveCode = "LWMOVE";

    /// <summary>
    /// Errors that come before anything was written: the server did not start the script, or refused its first write. Every script checks
    /// its arguments before that, and does nothing after it that Redis could refuse.
    /// </summary>
    private static readonly HashSet<string> _beforeWrites =
    [
        "OOM", "READONLY", "MISCONF", "NOREPLICAS", "LOADING", "BUSY", "MASTERDOWN", "NOPERM", "NOAUTH", "WRONGPASS", "NOSCRIPT",
        "MOVED", "ASK", "TRYAGAIN", "CROSSSLOT", "CLUSTERDOWN", LayoutCode,
    ];

    /// <summary>Errors that pass by themselves.</summary>
    private static readonly HashSet<string> _transient =
        ["READONLY", "NOREPLICAS", "LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN", "MOVED", "ASK"];

    /// <summary>Makes the exception.</summary>
    /// <param name="error">The server's error.</param>
    /// <param name="script">The script.</param>
    /// <param name="layout">The layout with which this client works.</param>
    /// <param name="unit">The namespace.</param>
    public static LatchworkStoreException Of(RedisServerException error, RedisScript script, string layout, TransferUnit unit)
    {
        string code = CodeOf(error);
        if (code is SealedCode or OtherMoveCode)
        {
            var seal = TransferMark.Parse(error.Message[code.Length..].Trim());
            return code == SealedCode && seal is not null ? TransferRules.Refuse(unit, seal) : TransferRules.NotSealed(unit, seal);
        }

        if (code == LayoutCode)
        {
            return OtherLayout(error, layout, unit.Namespace);
        }

        return new LatchworkStoreException(
            $"Redis refused the script '{script.Name}': {error.Message}",
            _beforeWrites.Contains(code) ? StoreOutcome.NotApplied : StoreOutcome.Unknown,
            error)
        {
            IsTransient = _transient.Contains(code),
        };
    }

    /// <summary>Says which layouts they are, and what to do.</summary>
    private static LatchworkStoreException OtherLayout(RedisServerException error, string layout, string ns)
    {
        string found = error.Message[(LayoutCode.Length + 1)..];
        string partitions = PartsOf(found, "partitions="), mine = PartsOf(layout, "partitions=");
        string message = $"The timer namespace '{ns}' is laid out in Redis with {found}; this client works with {layout}. Nothing was changed.";
        if (PartsOf(found, "format=") != PartsOf(layout, "format=")) return Refused("The namespace was made by another version of Latchwork.");
        if (partitions.Split('>') is not [_, var to])
            return Refused($"Set RedisOptions.Partitions, or '?partitions={partitions}' in the address, of every client; or stop all clients and run 'latchwork timer repartition {ns} --to {mine}'.");
        string then = to == mine ? "" : $" Afterwards only clients with '?partitions={to}' can work with it.";
        return Refused($"Its number of partitions is being changed by 'latchwork timer repartition'; if that was interrupted, run it again with '--to {to}'.{then}", to == mine);

        LatchworkStoreException Refused(string help, bool isTransient = false) =>
            new($"{message} {help}", StoreOutcome.NotApplied, error) { IsTransient = isTransient };

        static string PartsOf(string text, string name) =>
            text.Split(' ').FirstOrDefault(part => part.StartsWith(name, StringComparison.Ordinal))?[name.Length..] ?? "?";
    }

    /// <summary>Redis 6.2 wraps the error of a command in a script: <c>ERR Error running script (…): @user_script:7: -OOM command not …</c>.</summary>
    private static string CodeOf(RedisServerException error)
    {
        if (error.Code != "ERR") return error.Code;
        const string Wrapped = ": -";
        int start = error.Message.IndexOf(Wrapped, StringComparison.Ordinal);
        if (start < 0 || !error.Message.Contains("@user_script", StringComparison.Ordinal)) return error.Code;
        string inner = error.Message[(start + Wrapped.Length)..];
        int end = inner.IndexOf(' ', StringComparison.Ordinal);
        return end < 0 ? inner : inner[..end];
    }
}
