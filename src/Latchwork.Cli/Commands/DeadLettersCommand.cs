using System.CommandLine;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer dead-letters list|requeue|purge</c></summary>
internal static class DeadLettersCommand
{
    public static Command Create(CommandHost host) => new("dead-letters", "Dead letters, the events that were given up: list, requeue, purge.")
    {
        Aliases = { "dead" },
        Subcommands = { CreateList(host), CreateRequeue(host), CreatePurge(host) },
    };

    private static Command CreateList(CommandHost host)
    {
        Option<DeadLetterReason?> reason = Reason();
        Option<TimeSpan?> olderThan = OlderThan();
        Option<int?> limit = EventListCommands.Limit();
        var command = new Command("list", "List dead letters, the oldest first.") { reason, olderThan, limit };
        host.OnLook(command, (parsed, session) => EventListCommands.PrintAsync(
            session.Printer,
            session.Timer.DeadLetters.ListAsync(parsed.GetValue(reason), parsed.GetValue(olderThan), session.Stop).Take(parsed.GetValue(limit) ?? int.MaxValue),
            "no dead letters",
            [new("ID"), new("SINCE"), new("REASON"), new("RETRIES", Right: true), new("LAST ERROR"), new("DATA")],
            Cells));
        return command;
    }

    private static Command CreateRequeue(CommandHost host)
    {
        Argument<string> id = Options.IdArgument(required: false);
        var all = new Option<bool>("--all") { Description = "Requeue every dead letter." };
        Option<DeadLetterReason?> reason = Reason();
        Option<TimeSpan?> olderThan = OlderThan();
        Option<TimeSpan?> delay = Options.Duration("--in", "When they are due, from now. Default: now.", TimeSpan.Zero, Limits.MaxDelay);
        Option<DateTimeOffset?> at = Options.Moment("--at", "When they are due, as a time.");
        var command = new Command("requeue", "Schedule dead letters again, with no retry spent.") { id, all, reason, olderThan, delay, at };
        command.Validators.Add(result => OneOrMany(
            result, "an id", result.GetResult(id) is { Tokens.Count: > 0 }, result.GetValue(all), reason, olderThan));
        command.Validators.Add(result =>
        {
            if (result.GetResult(delay) is not null && result.GetResult(at) is not null) result.AddError("'--in' and '--at' exclude each other");
        });
        host.OnLook(command, async (parsed, session) =>
        {
            Due due = Outcomes.DueOf(parsed.GetValue(delay) ?? TimeSpan.Zero, parsed.GetValue(at));
            if (parsed.GetValue(id) is { } one)
            {
                TimerOutcome outcome = await session.Timer.DeadLetters.RequeueAsync(one, due, session.Stop).ConfigureAwait(false);
                return Outcomes.Report(session.Printer, one, outcome, "requeued");
            }

            long count = await session.Timer.DeadLetters.RequeueAllAsync(
                parsed.GetValue(reason), parsed.GetValue(olderThan), due, session.Stop).ConfigureAwait(false);
            session.Printer.Result(json => json.WriteNumber("requeued", count), () => $"requeued {Printable.Count(count)}");
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command CreatePurge(CommandHost host)
    {
        Option<string?> id = Options.Id("--id", "Delete this one.");
        var all = new Option<bool>("--all") { Description = "Delete every dead letter." };
        Option<DeadLetterReason?> reason = Reason();
        Option<TimeSpan?> olderThan = OlderThan();
        var command = new Command("purge", "Delete dead letters for good.") { id, all, reason, olderThan };
        command.Validators.Add(result => OneOrMany(result, "'--id'", result.GetResult(id) is not null, result.GetValue(all), reason, olderThan));
        host.OnLook(command, async (parsed, session) =>
        {
            if (parsed.GetValue(id) is { } one)
            {
                TimerOutcome outcome = await session.Timer.DeadLetters.PurgeAsync(one, session.Stop).ConfigureAwait(false);
                return Outcomes.Report(session.Printer, one, outcome, "purged");
            }

            long count = await session.Timer.DeadLetters.PurgeAllAsync(
                parsed.GetValue(reason), parsed.GetValue(olderThan), session.Stop).ConfigureAwait(false);
            session.Printer.Result(json => json.WriteNumber("purged", count), () => $"purged {Printable.Count(count)}");
            return ExitCodes.Done;
        });
        return command;
    }

    private static string[] Cells(TimerSnapshot snapshot) =>
    [
        Printable.OneLine(snapshot.Id),
        Printable.Moment(snapshot.DeadLetteredAt ?? snapshot.Due),
        snapshot.DeadLetterReason is { } reason ? Names.Of(reason) : "",
        SnapshotOutput.Retries(snapshot),
        snapshot.Failures.Count == 0 ? "" : Printable.OneLine(snapshot.Failures[^1].Error),
        Printable.Payload(snapshot.Payload.Span),
    ];

    // Deleting or reviving everything must be asked for in so many words.
    private static void OneOrMany(
        System.CommandLine.Parsing.CommandResult result, string one, bool hasOne, bool all, Option<DeadLetterReason?> reason, Option<TimeSpan?> olderThan)
    {
        bool some = result.GetResult(reason) is not null || result.GetResult(olderThan) is not null;
        if (!hasOne && !all && !some) result.AddError($"say which: {one}, '--reason', '--older-than' or '--all'");
        if (hasOne && (all || some)) result.AddError($"{one} excludes '--all', '--reason' and '--older-than'");
    }

    private static Option<DeadLetterReason?> Reason() => Options.Word("--reason", "Only those with this reason.", Names.DeadLetterReasons);

    private static Option<TimeSpan?> OlderThan() =>
        Options.Duration("--older-than", "Only those dead-lettered for longer than this.", TimeSpan.Zero, Limits.MaxDelay);
}
