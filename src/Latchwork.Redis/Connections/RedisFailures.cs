namespace Latchwork.Redis.Connections;

/// <summary>What is to be done after an attempt to evaluate a script has failed.</summary>
internal enum FailureKind
{
    NotNow = 0, // the script did not run, and may later: it is sent again within the caller's time
    NoScript = 1, // the server does not have the script: it is sent again, as text
    Final = 2,
}

/// <summary>
/// How an attempt has failed: what is to be done; why, in words that follow "because", if it is sent again; whether there was no usable connection, so that
/// the servers may have changed their roles; and what the caller gets if it is final.
/// </summary>
internal readonly record struct CallFailure(FailureKind Kind, string Reason, bool IsConnection, Exception? Exception)
{
    public static CallFailure NotNow(string reason, bool isConnection) => new(FailureKind.NotNow, reason, isConnection, null);
    public static CallFailure Final(Exception exception, bool isConnection = false) => new(FailureKind.Final, "", isConnection, exception);
}

/// <summary>
/// The one table that says what each failure of the client and each error of the server means: whether the script has run, has not, or may have,
/// and whether trying again helps.
/// </summary>
internal static class RedisFailures
{
    // The client follows a refusal of a member to the one that it names, once, and says in its own words that it could not: the refusal was all that happened.
    private const string Elsewhere = "the member of the cluster that has this key cannot be reached yet";

    /// <summary>Judges what the client has thrown. <paramref name="name"/> is what was sent, for messages.</summary>
    public static CallFailure Judge(Exception error, string name) => error switch
    {
        RedisServerException server => JudgeServer(server, name),
        RedisConnectionException { CommandStatus: CommandStatus.WaitingToBeSent or CommandStatus.WaitingInBacklog } e => CallFailure.NotNow(ReasonOf(e), isConnection: true),
        RedisConnectionException { FailureType: ConnectionFailureType.UnableToResolvePhysicalConnection } e => CallFailure.NotNow(ReasonOf(e), isConnection: true),
        RedisConnectionException { FailureType: ConnectionFailureType.UnableToConnect, CommandStatus: not CommandStatus.Sent } => CallFailure.NotNow(Elsewhere, isConnection: true),
        RedisTimeoutException { Commandstatus: CommandStatus.WaitingToBeSent or CommandStatus.WaitingInBacklog } => CallFailure.NotNow("it could not be written in time", isConnection: true),
        ObjectDisposedException => CallFailure.NotNow("the connection was closed", isConnection: true),
        RedisConnectionException e => CallFailure.Final(
            Transient($"The connection broke after the {name} was sent ({e.FailureType}); it may have run.", StoreOutcome.Unknown, e), isConnection: true),
        RedisTimeoutException e => CallFailure.Final(NoReply(name, null, e), isConnection: true),
        RedisCommandException e => CallFailure.Final(new LatchworkStoreException($"The {name} was not sent: {e.Message}", StoreOutcome.NotApplied, e)),
        _ => CallFailure.Final(Transient($"The {name} failed in the Redis client, and may have run: {error.Message}", StoreOutcome.Unknown, error)),
    };

    /// <summary>The first word of an error of the server: <c>ERR</c>, <c>OOM</c>, <c>NOPERM</c>, …</summary>
    public static string CodeOf(RedisServerException error) => error.Message.Split(' ', 2)[0];

    /// <summary>
    /// The code that counts. Errors inside a script carry its name at the end, and Redis 6.2 hides their code in the middle:
    /// <c>ERR Error running script (…): @user_script:7: -OOM command not …</c>.
    /// </summary>
    public static string CodeOf(RedisServerException error, out bool insideScript)
    {
        const string Wrapped = ": -";
        insideScript = error.Message.Contains("@user_script", StringComparison.Ordinal);
        string code = CodeOf(error);
        int start = insideScript && code == "ERR" ? error.Message.IndexOf(Wrapped, StringComparison.Ordinal) : -1;
        return start < 0 ? code : error.Message[(start + Wrapped.Length)..].Split(' ', 2)[0];
    }

    public static bool IsUnknownCommand(RedisServerException error) => error.Message.StartsWith("ERR unknown command", StringComparison.OrdinalIgnoreCase);

    /// <summary>A failure that the same call may not have later.</summary>
    public static LatchworkStoreException Transient(string message, StoreOutcome outcome, Exception? inner = null) => new(message, outcome, inner) { IsTransient = true };

    public static LatchworkStoreException NoReply(string name, TimeSpan? timeout, Exception? inner = null)
    {
        string time = timeout is { } known ? $"within {Durations.Text(known)} (the command timeout)" : "in time";
        return Transient($"The server did not reply to the {name} {time}; it may have run.", StoreOutcome.Unknown, inner);
    }

    public static LatchworkStoreException NotSent(string name, TimeSpan timeout, string? reason) => Transient(
        $"The {name} could not be done within {Durations.Text(timeout)} (the command timeout){(reason is null ? "" : $", because {reason}")}. Nothing was changed.",
        StoreOutcome.NotApplied);

    public static LatchworkStoreException TooMany(string name, int maxCommands, long maxBytes, string? reason) => Transient(
        $"The {name} was not sent: {maxCommands} commands or {maxBytes} bytes are waiting already{(reason is null ? "." : $", and {reason}.")}",
        StoreOutcome.NotApplied);

    /// <summary>The store was closed while it waited.</summary>
    public static LatchworkStoreException Closed(string name, bool wasSent) => wasSent
        ? new($"The store was closed before the server had replied to the {name}; it may have run.", StoreOutcome.Unknown)
        : new($"The store was closed before the {name} was sent.", StoreOutcome.NotApplied);

    /// <summary>What a code of the server means to a person; null for a code that says nothing of the server's state.</summary>
    public static (string Help, bool IsTransient)? Explain(string code) => code switch
    {
        "LOADING" => ("the server is still loading its data", true),
        "BUSY" => ("the server is busy with a long script of somebody; SCRIPT KILL ends it", true),
        "MASTERDOWN" => ("the server is a replica that has lost its primary", true),
        "READONLY" => ("the server is a read-only replica; connect to the primary", true),
        "NOREPLICAS" => ("the server has too few replicas to accept writes (min-replicas-to-write)", true),
        "MISCONF" => ("the server cannot save its data to disk and accepts no writes", true),
        "OOM" => ("the server has reached its memory limit (maxmemory)", true),
        "NOAUTH" => ("the server needs a password", false),
        "WRONGPASS" => ("the server does not accept this user name and password", false),
        "NOPERM" => ("the user lacks a permission (ACL) for this command, key or channel", false),
        "DENIED" => ("the server is in protected mode and accepts only local clients until a password is set", false),
        "CLUSTERDOWN" or "TRYAGAIN" or "MOVED" or "ASK" => ("the cluster cannot serve this key now", true),
        "CROSSSLOT" => ("the server is a member of a cluster, and the keys do not belong to one slot", false),
        _ => null,
    };

    private static CallFailure JudgeServer(RedisServerException error, string name)
    {
        string code = CodeOf(error, out bool insideScript);
        if (error.Kind is RedisErrorKind.Moved or RedisErrorKind.UnknownRedirectTarget && code != "MOVED" && !insideScript)
            return CallFailure.NotNow(Elsewhere, isConnection: true);
        switch (code)
        {
            case "NOSCRIPT":
                return new(FailureKind.NoScript, "the server did not know the script", false, null);
            case "READONLY" or "MASTERDOWN": // a replica refuses the first write of a script, too
            case "CLUSTERDOWN" or "TRYAGAIN" or "MOVED" or "ASK" when !insideScript:
                return CallFailure.NotNow($"{Explain(code)!.Value.Help} ({code})", isConnection: true);
            case "LOADING" or "BUSY":
                return CallFailure.NotNow($"{Explain(code)!.Value.Help} ({code})", isConnection: false);
        }

        (string Help, bool IsTransient)? meaning = Explain(code);
        if (IsUnknownCommand(error))
            meaning = ("the server does not have this command: scripts are disabled, or the command was renamed", false);
        if (meaning is not { } known) return CallFailure.Final(error);

        // The server refuses writes for want of memory and the like only before a script's first write; a forbidden command, or a key whose slot moves, may come later.
        bool inBetween = insideScript && code is "NOPERM" or "CLUSTERDOWN" or "TRYAGAIN" or "MOVED" or "ASK";
        return CallFailure.Final(
            new LatchworkStoreException($"The {name} was refused: {known.Help}. The server said: {error.Message}", inBetween ? StoreOutcome.Unknown : StoreOutcome.NotApplied, error) { IsTransient = known.IsTransient });
    }

    private static string ReasonOf(RedisConnectionException e) => e.FailureType switch
    {
        ConnectionFailureType.UnableToResolvePhysicalConnection or ConnectionFailureType.None => "there is no connection",
        ConnectionFailureType type => $"there is no connection ({type})",
    };
}
