using System.Globalization;

namespace Latchwork.Redis.Connections;

/// <summary>What went wrong, in words that help, with what it means for the operation.</summary>
internal static class RedisErrors
{
    public static LatchworkStoreException LineIsFull(PendingCommand command, in CommandLimits limits, string? trouble) => new(
        $"The {command.Name} was not sent: {limits.MaxCommands} commands or {limits.MaxBytes} bytes are waiting already" +
        (trouble is null ? "." : $", and there is no connection ({trouble})."),
        StoreOutcome.NotApplied)
    { IsTransient = true };

    public static LatchworkStoreException NotSentInTime(PendingCommand command, in CommandLimits limits, string? trouble) => new(
        $"The {command.Name} could not be sent within {Text(limits.CommandTimeout)} (the command timeout)" +
        (command.Refusal is null ? "" : $", after it was refused because {command.Refusal}") +
        (trouble is null ? "." : $": there is no connection ({trouble})."),
        StoreOutcome.NotApplied)
    { IsTransient = true };

    public static LatchworkStoreException NoReplyInTime(PendingCommand command, in CommandLimits limits) => new(
        $"The server did not answer the {command.Name} within {Text(limits.CommandTimeout)} (the command timeout); it may have run.",
        StoreOutcome.Unknown)
    { IsTransient = true };

    public static LatchworkStoreException ConnectionBroke(PendingCommand command, string trouble) => new(
        $"The connection broke after the {command.Name} was sent ({trouble}); it may have run.", StoreOutcome.Unknown)
    { IsTransient = true };

    public static LatchworkStoreException ClusterRefused(PendingCommand command, TimeSpan commandTimeout) => new(
        $"The {command.Name} could not be done within {Text(commandTimeout)} (the command timeout), because {command.Refusal ?? "no member of the cluster could serve it"}. Nothing was changed.",
        StoreOutcome.NotApplied)
    { IsTransient = true };

    public static LatchworkStoreException ClosedBeforeSending(PendingCommand command) => new(
        $"The store was closed before the {command.Name} was sent.", StoreOutcome.NotApplied);

    /// <summary>The exception for an error that the server sent: errors of the script itself and anything unforeseen stay as they are.</summary>
    public static Exception FromServer(string text, string command)
    {
        var error = new RedisServerException(text);
        string code = CodeOf(error, out bool insideScript);
        (string help, bool transient)? meaning = Explain(code);
        if (error.Message.StartsWith("ERR unknown command", StringComparison.OrdinalIgnoreCase))
            meaning = ("the server does not have this command: scripts are disabled, or the command was renamed.", false);
        if (meaning is null)
            return error;

        // The server refuses writes for want of memory and the like only before a script's first write; a forbidden command may come later.
        StoreOutcome outcome = insideScript && code == "NOPERM" ? StoreOutcome.Unknown : StoreOutcome.NotApplied;
        return new LatchworkStoreException($"The {command} was refused: {meaning.Value.help} The server said: {text}", outcome, error) { IsTransient = meaning.Value.transient };
    }

    /// <summary>
    /// Whether an error means that the server does no work at the moment, and has not done any of this command; then the connection is made
    /// anew, to this server or another one, and the command sent again.
    /// </summary>
    /// <returns>The state in words; null if it is not such an error.</returns>
    public static string? PassingState(string text)
    {
        if (text.Length == 0 || !char.IsAsciiLetterUpper(text[0]))
            return null;
        return CodeOf(new RedisServerException(text), out _) switch
        {
            "READONLY" => "the server has become a read-only replica",
            "MASTERDOWN" => "the server is a replica that has lost its primary",
            "LOADING" => "the server is loading its data",
            "BUSY" => "the server is busy with a long script of somebody; SCRIPT KILL ends it",
            "NOAUTH" => "the server wants to be told the password again",
            _ => null,
        };
    }

    // Errors inside a script carry its name at the end; Redis 6.2 hides their code in the middle.
    private static string CodeOf(RedisServerException error, out bool insideScript)
    {
        insideScript = error.Message.Contains("@user_script", StringComparison.Ordinal);
        if (!insideScript || error.Code != "ERR")
            return error.Code;
        return Array.Find(["OOM", "READONLY", "MISCONF", "NOREPLICAS", "NOPERM"], c => error.Message.Contains($"-{c} ", StringComparison.Ordinal)) ?? error.Code;
    }

    /// <summary>What a code of the server means to a person; null for a code that says nothing of the server's state.</summary>
    public static (string Help, bool IsTransient)? Explain(string code) => code switch
    {
        "LOADING" => ("the server is still loading its data.", true),
        "BUSY" => ("the server is busy with a long script of somebody; SCRIPT KILL ends it.", true),
        "MASTERDOWN" => ("the server is a replica that has lost its primary.", true),
        "READONLY" => ("the server is a read-only replica; connect to the primary.", true),
        "NOREPLICAS" => ("the server has too few replicas to accept writes (min-replicas-to-write).", true),
        "MISCONF" => ("the server cannot save its data to disk and accepts no writes.", true),
        "OOM" => ("the server has reached its memory limit (maxmemory).", true),
        "NOAUTH" => ("the server needs a password.", false),
        "WRONGPASS" => ("the server does not accept this user name and password.", false),
        "NOPERM" => ("the user lacks a permission (ACL) for this command, key or channel.", false),
        "DENIED" => ("the server is in protected mode and accepts only local clients until a password is set.", false),
        "CLUSTERDOWN" or "TRYAGAIN" => ("the cluster is not able to serve this key now.", true),
        "MOVED" or "ASK" => ("the server is a member of a cluster, and the key belongs to another one; write redis+cluster://… instead of redis://….", false),
        "CROSSSLOT" => ("the server is a member of a cluster, and the keys do not belong to one slot.", false),
        _ => null,
    };

    /// <summary>A duration as people write it.</summary>
    public static string Text(TimeSpan time) => time.TotalSeconds >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###} s")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0.###} ms");
}
