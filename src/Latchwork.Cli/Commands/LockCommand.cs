using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>lock peek|list|stats|forget</c></summary>
internal static class LockCommand
{
    public static Command Create(CommandHost host) => new("lock", "Look at the keys of 'once' and of process lockers, and forget them.")
    {
        CreateShow(host),
        CreateList(host),
        CreateStats(host),
        CreateForget(host),
    };

    private static Command CreateShow(CommandHost host)
    {
        Argument<string> key = Options.KeyArgument();
        var command = new Command("peek", "Show a key: who owns it, and what is kept of its last run.") { Arguments = { key }, Aliases = { "show" } };
        host.OnLook(command, (LockSession session, ParseResult parsed) => PeekAsync(session, parsed.GetRequiredValue(key)));
        return command;
    }

    private static Command CreateList(CommandHost host)
    {
        var command = new Command("list", "List the keys that are locked.");
        host.OnLook(command, (LockSession session, ParseResult _) => ListAsync(session));
        return command;
    }

    private static Command CreateStats(CommandHost host)
    {
        var command = new Command("stats", "Count what the lockers of the namespace have done: runs, takeovers, failures.");
        host.OnLook(command, (LockSession session, ParseResult _) => ShowStatsAsync(session));
        return command;
    }

    private static Command CreateForget(CommandHost host)
    {
        Argument<string> key = Options.KeyArgument();
        var command = new Command("forget", "Drop a key's result and take the key from its owner: a command that runs for it is stopped.") { key };
        host.OnLook(command, (LockSession session, ParseResult parsed) => ForgetAsync(session, parsed.GetRequiredValue(key)));
        return command;
    }

    private static async Task<int> PeekAsync(LockSession session, string key)
    {
        KeySnapshot? snapshot = await session.Locker.PeekAsync(key, session.Stop).ConfigureAwait(false);
        if (snapshot is null) return NotFound(session, key);
        int? exitCode = snapshot is { FreshFor: not null, IsFailure: false } ? await ReadExitCodeAsync(session, key).ConfigureAwait(false) : null;
        session.Printer.Json(json => Write(json, snapshot, exitCode));
        foreach (string line in Describe(snapshot, exitCode)) session.Printer.Text(line);
        return ExitCodes.Done;
    }

    // Null if the result is not one of 'once', or went while we looked.
    private static async Task<int?> ReadExitCodeAsync(LockSession session, string key)
    {
        try
        {
            LockerResult? result = await session.Locker.TryGetAsync(key, session.Stop).ConfigureAwait(false);
            return result is null ? null : Once.CommandResult.TryRead(result.Bytes)?.ExitCode;
        }
        catch (RunFailedException)
        {
            return null; // a later run has failed in the meantime, and that is remembered
        }
    }

    private static async Task<int> ShowStatsAsync(LockSession session)
    {
        LockerStats stats = await session.Locker.GetStatsAsync(session.Stop).ConfigureAwait(false);
        session.Printer.Json(json =>
        {
            json.WriteString("namespace", session.Locker.Namespace);
            json.WriteNumber("runs", stats.Runs);
            json.WriteNumber("takeovers", stats.Takeovers);
            json.WriteNumber("failures", stats.Failures);
        });
        session.Printer.Text($"namespace  {Printable.OneLine(session.Locker.Namespace)}");
        session.Printer.Text($"runs       {Printable.Count(stats.Runs)}");
        session.Printer.Text($"takeovers  {Printable.Count(stats.Takeovers)}");
        session.Printer.Text($"failures   {Printable.Count(stats.Failures)}");
        return ExitCodes.Done;
    }

    private static async Task<int> ListAsync(LockSession session)
    {
        var rows = new RowPrinter(session.Printer, new("KEY"), new("NODE"), new("AGE", Right: true), new("LEASE", Right: true), new("TOKEN", Right: true));
        await foreach (KeySnapshot snapshot in session.Locker.ListAsync(session.Stop).ConfigureAwait(false))
        {
            session.Printer.Json(json => Write(json, snapshot, exitCode: null));
            rows.Add(
                Printable.OneLine(snapshot.Key),
                Printable.OneLine(snapshot.NodeId ?? ""),
                Printable.Duration(snapshot.Age ?? TimeSpan.Zero),
                Printable.Duration(snapshot.LeaseLeft ?? TimeSpan.Zero),
                snapshot.FencingToken.ToString(CultureInfo.InvariantCulture));
        }

        rows.Flush(ifEmpty: "nothing is locked");
        return ExitCodes.Done;
    }

    private static async Task<int> ForgetAsync(LockSession session, string key)
    {
        if (!await session.Locker.ForgetAsync(key, session.Stop).ConfigureAwait(false)) return NotFound(session, key);
        WriteOutcome(session, key, "forgotten");
        session.Printer.Text(Printable.OneLine($"{key}: forgotten"));
        return ExitCodes.Done;
    }

    private static int NotFound(LockSession session, string key)
    {
        WriteOutcome(session, key, "notFound");
        session.Printer.Fail($"{key}: not found ('lock list' lists the keys that are locked)");
        return ExitCodes.NotFound;
    }

    private static void WriteOutcome(LockSession session, string key, string outcome) => session.Printer.Json(json =>
    {
        json.WriteString("key", key);
        json.WriteString("outcome", outcome);
    });

    private static void Write(Utf8JsonWriter json, KeySnapshot snapshot, int? exitCode)
    {
        json.WriteString("key", snapshot.Key);
        json.WriteBoolean("locked", snapshot.IsLocked);
        json.WriteNumber("fencingToken", snapshot.FencingToken);
        if (snapshot.NodeId is { } node) json.WriteString("node", node);
        if (snapshot.Age is { } age) json.WriteNumber("ageMs", SnapshotOutput.Milliseconds(age));
        if (snapshot.LeaseLeft is { } lease) json.WriteNumber("leaseLeftMs", SnapshotOutput.Milliseconds(lease));
        if (snapshot.FreshFor is { } fresh)
        {
            json.WriteString("result", snapshot.IsFailure ? "failed" : "done");
            json.WriteNumber("freshForMs", SnapshotOutput.Milliseconds(fresh));
        }

        if (exitCode is { } code) json.WriteNumber("exitCode", code);
    }

    private static IEnumerable<string> Describe(KeySnapshot snapshot, int? exitCode)
    {
        yield return $"key       {Printable.OneLine(snapshot.Key)}";
        yield return snapshot.IsLocked
            ? Printable.OneLine($"locked    by {snapshot.NodeId} for {Printable.Duration(snapshot.Age ?? TimeSpan.Zero)}, lease {Printable.Duration(snapshot.LeaseLeft ?? TimeSpan.Zero)}")
            : "locked    no";
        yield return string.Create(CultureInfo.InvariantCulture, $"token     {snapshot.FencingToken}");
        if (snapshot.FreshFor is not { } fresh) yield break;
        string what = snapshot.IsFailure ? "failed" : exitCode is { } code ? string.Create(CultureInfo.InvariantCulture, $"exit code {code}") : "done";
        yield return $"result    {what}, kept for {Printable.Duration(fresh)}";
    }
}
