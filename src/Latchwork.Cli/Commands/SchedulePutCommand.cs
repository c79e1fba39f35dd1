using System.CommandLine;
using System.CommandLine.Parsing;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>schedule put ID</c>: declares a schedule.</summary>
internal sealed class SchedulePutCommand
{
    private readonly Argument<string> _id = ScheduleCommand.IdArgument();

    private readonly Option<string?> _cron = new("--cron") { Description = "A cron expression of five fields, or six with the seconds in front.", HelpName = "expression" };

    private readonly Option<string?> _zone = new("--zone") { Description = "With --cron: the IANA name of its time zone. Default: UTC.", HelpName = "zone" };

    private readonly Option<TimeSpan?> _every = Options.Duration("--every", "An interval, in place of --cron.", Schedule.MinInterval, Limits.MaxDelay);

    private readonly Option<DateTimeOffset?> _anchor = Options.Moment("--anchor", "With --every: the first time, from which intervals are counted. Default: 1970-01-01 UTC.");

    private readonly Option<byte[]?> _data = Options.Json("--data", "The data of each occurrence: one JSON value, kept as written. Default: none, no bytes.");

    private readonly Option<string?> _dataFile = Options.InputFile("--data-file", "A file of which any bytes are the data; - for standard input.");

    private readonly Option<int?> _maxRetries = Options.Number("--max-retries", "The attempts of an occurrence after the first.", TimerOptions.Set, nameof(TimerOptions.MaxRetries));

    private readonly Option<MisfirePolicy?> _misfire = Options.Word("--misfire", "What becomes of missed occurrences. Default: latest.", Names.Misfires);

    private readonly Option<TimeSpan?> _threshold = Options.Duration(
        "--misfire-threshold", "How late one may be claimed and not be missed.", ScheduleOptions.Set, nameof(ScheduleOptions.MisfireThreshold));

    private readonly Option<OverlapPolicy?> _overlap = Options.Word("--overlap", "What becomes of one while another is in flight. Default: skip.", Names.Overlaps);

    private readonly Option<TimeSpan?> _jitter = Options.Duration(
        "--jitter", "Later by a span that is derived from the id and less than this. Default: none.", ScheduleOptions.Set, nameof(ScheduleOptions.Jitter));

    private readonly Option<int?> _revision = Options.Number("--revision", "Changes nothing if the stored declaration has a higher one. Default: 0.", 0, int.MaxValue);

    private SchedulePutCommand()
    {
    }

    public static Command Create(CommandHost host)
    {
        var put = new SchedulePutCommand();
        var command = new Command("put", "Declare a schedule: create it, or change it.")
        {
            put._id, put._cron, put._zone, put._every, put._anchor, put._data, put._dataFile, put._maxRetries, put._misfire, put._threshold, put._overlap, put._jitter, put._revision,
        };
        command.Validators.Add(put.Check);
        host.OnRun(command, put.RunAsync);
        return command;
    }

    private void Check(CommandResult result)
    {
        bool hasCron = result.GetResult(_cron) is not null, hasEvery = result.GetResult(_every) is not null;
        if (hasCron == hasEvery) result.AddError(hasCron ? "'--cron' and '--every' exclude each other" : "'--cron' or '--every' is needed");
        if (result.GetResult(_zone) is not null && !hasCron) result.AddError("'--zone' goes with '--cron'");
        if (result.GetResult(_anchor) is not null && !hasEvery) result.AddError("'--anchor' goes with '--every'");
        if (result.GetResult(_data) is not null && result.GetResult(_dataFile) is not null) result.AddError("'--data' and '--data-file' exclude each other");
    }

    private async Task<int> RunAsync(ParseResult parsed, TimerSession session)
    {
        string id = parsed.GetRequiredValue(_id);
        byte[] payload = parsed.GetValue(_data) ?? [];
        if (parsed.GetValue(_dataFile) is { } file) payload = await DataSource.FromFileAsync(file, session.Terminal, session.Stop).ConfigureAwait(false);
        var defaults = new ScheduleOptions();
        ScheduleOptions options = defaults with
        {
            MaxRetries = parsed.GetValue(_maxRetries),
            Misfire = parsed.GetValue(_misfire) ?? defaults.Misfire,
            MisfireThreshold = parsed.GetValue(_threshold) ?? defaults.MisfireThreshold,
            Overlap = parsed.GetValue(_overlap) ?? defaults.Overlap,
            Jitter = parsed.GetValue(_jitter) ?? defaults.Jitter,
            Revision = parsed.GetValue(_revision) ?? defaults.Revision,
        };
        Schedule schedule = parsed.GetValue(_cron) is { } cron
            ? Schedule.Cron(cron, parsed.GetValue(_zone) ?? "UTC")
            : Schedule.Every(parsed.GetValue(_every)!.Value, parsed.GetValue(_anchor));
        ScheduleResult result = await session.Timer.Schedules.AddOrUpdateAsync(id, schedule, payload, options, session.Stop).ConfigureAwait(false);
        session.Printer.Json(json =>
        {
            json.WriteString("id", id);
            json.WriteString("outcome", Names.Of(result.Outcome));
            if (result.Next is { } next) json.WriteString("next", next.UtcDateTime);
        });
        if (result.Outcome == ScheduleOutcome.Outdated)
        {
            session.Printer.Fail($"{id}: the stored declaration has a higher revision, and nothing was changed");
            return ExitCodes.Conflict;
        }

        session.Printer.Text(Printable.OneLine($"{id}: {Names.Of(result.Outcome)}, {(result.Next is { } at ? $"next at {Printable.Moment(at)}" : "paused")}"));
        return ExitCodes.Done;
    }
}
