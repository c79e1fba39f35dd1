using System.CommandLine;
using System.Globalization;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>schedule put|list|show|remove|pause|resume|trigger|next</c>: recurring schedules.</summary>
internal static class ScheduleCommand
{
    private const string NotFound = "there is no such schedule ('schedule list' lists them)";

    public static Command Create(CommandHost host) => new("schedule", "Recurring schedules: declare, list, pause, trigger, remove.")
    {
        SchedulePutCommand.Create(host),
        CreateList(host),
        CreateShow(host),
        CreateChange(host, "remove", "Remove a schedule, and its occurrence that has not begun.", "removed", static (schedules, id, stop) => schedules.RemoveAsync(id, stop)),
        CreateChange(host, "pause", "Pause a schedule: times that pass are skipped.", "paused", static (schedules, id, stop) => schedules.PauseAsync(id, stop)),
        CreateChange(host, "resume", "Resume a schedule at its next time.", "resumed", static (schedules, id, stop) => schedules.ResumeAsync(id, stop)),
        CreateTrigger(host),
        CreateNext(host),
    };

    /// <summary>The argument that is a schedule's id.</summary>
    public static Argument<string> IdArgument() => new("id")
    {
        Description = "The schedule's id: 1 to 480 bytes.",
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            try
            {
                ScheduleReader.CheckId(text);
            }
            catch (ArgumentException e)
            {
                result.AddError(ArgumentFailures.MessageOf(e));
            }

            return text;
        },
    };

    private static Command CreateList(CommandHost host)
    {
        var command = new Command("list", "List the schedules, in order of their ids.");
        host.OnLook(command, async (_, session) =>
        {
            var rows = new RowPrinter(
                session.Printer, new("ID"), new("SCHEDULE"), new("NEXT"), new("STARTED", Right: true), new("MISSED", Right: true), new("SKIPPED", Right: true), new("LAST"));
            await foreach (ScheduleSnapshot snapshot in session.Timer.Schedules.ListAsync(session.Stop).ConfigureAwait(false))
            {
                session.Printer.Json(json => json.WriteSchedule(snapshot, withHistory: false));
                if (!session.Printer.IsJson) rows.Add(Cells(snapshot));
            }

            rows.Flush(ifEmpty: "no schedules");
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command CreateShow(CommandHost host)
    {
        Argument<string> id = IdArgument();
        var command = new Command("show", "Show a schedule and its last ten occurrences.") { id };
        host.OnLook(command, async (parsed, session) =>
        {
            string schedule = parsed.GetRequiredValue(id);
            if (await session.Timer.Schedules.GetAsync(schedule, session.Stop).ConfigureAwait(false) is not { } snapshot) return Missing(session, schedule);
            session.Printer.Result(json => json.WriteSchedule(snapshot, withHistory: true), () => ScheduleOutput.Describe(snapshot));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command CreateTrigger(CommandHost host)
    {
        Argument<string> id = IdArgument();
        var command = new Command("trigger", "Run a schedule now, beside its times, under its overlap policy.") { id };
        host.OnLook(command, async (parsed, session) =>
        {
            string schedule = parsed.GetRequiredValue(id);
            TriggerResult result = await session.Timer.Schedules.TriggerAsync(schedule, session.Stop).ConfigureAwait(false);
            if (result.Outcome == TriggerOutcome.NotFound) return Missing(session, schedule);
            session.Printer.Json(json =>
            {
                json.WriteString("id", schedule);
                json.WriteString("outcome", Names.Of(result.Outcome));
                if (result.OccurrenceId is { } occurrence) json.WriteString("occurrence", occurrence);
            });
            if (result.Outcome == TriggerOutcome.Skipped)
            {
                session.Printer.Fail($"{schedule}: skipped, as another occurrence is in flight or waits for a retry");
                return ExitCodes.Conflict;
            }

            session.Printer.Text(Printable.OneLine($"{schedule}: {(result.Outcome == TriggerOutcome.Queued ? "queued until the other occurrence has ended" : "triggered")}"));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command CreateNext(CommandHost host)
    {
        Argument<string> id = IdArgument();
        Option<int?> count = Options.Number("--count", "How many. Default: 5.", 1, 10_000);
        var command = new Command("next", "Show the next times of a schedule.") { id, count };
        host.OnLook(command, async (parsed, session) =>
        {
            string schedule = parsed.GetRequiredValue(id);
            IReadOnlyList<DateTimeOffset>? times = await session.Timer.Schedules.GetNextOccurrencesAsync(schedule, parsed.GetValue(count) ?? 5, session.Stop).ConfigureAwait(false);
            if (times is null) return Missing(session, schedule);
            foreach (DateTimeOffset time in times) session.Printer.Result(json => json.WriteString("at", time.UtcDateTime), () => Printable.Moment(time));
            return ExitCodes.Done;
        });
        return command;
    }

    private static Command CreateChange(
        CommandHost host, string name, string description, string done, Func<TimerSchedules, string, CancellationToken, Task<bool>> change)
    {
        Argument<string> id = IdArgument();
        var command = new Command(name, description) { id };
        host.OnLook(command, async (parsed, session) =>
        {
            string schedule = parsed.GetRequiredValue(id);
            if (!await change(session.Timer.Schedules, schedule, session.Stop).ConfigureAwait(false)) return Missing(session, schedule);
            Outcomes.WriteJson(session.Printer, schedule, "done");
            session.Printer.Text(Printable.OneLine($"{schedule}: {done}"));
            return ExitCodes.Done;
        });
        return command;
    }

    private static int Missing(TimerSession session, string schedule)
    {
        Outcomes.WriteJson(session.Printer, schedule, "notFound");
        session.Printer.Fail($"{schedule}: {NotFound}");
        return ExitCodes.NotFound;
    }

    private static string[] Cells(ScheduleSnapshot snapshot) =>
    [
        Printable.OneLine(snapshot.Id),
        Printable.OneLine(snapshot.Schedule?.ToString() ?? "damaged"),
        ScheduleOutput.Next(snapshot),
        snapshot.Started.ToString(CultureInfo.InvariantCulture),
        snapshot.Missed.ToString(CultureInfo.InvariantCulture),
        snapshot.Skipped.ToString(CultureInfo.InvariantCulture),
        snapshot.History.Count == 0 ? "" : $"{Printable.Moment(snapshot.History[0].ScheduledFor)} {Names.Of(snapshot.History[0].Outcome)}",
    ];
}
