using System.CommandLine;
using System.CommandLine.Parsing;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;
using Latchwork.Cli.Posting;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer post</c>: one event from the command line, or many from a file.</summary>
internal sealed class PostCommand
{
    private readonly Option<string?> _id = Options.Id("--id", "The event's id. Default: a new UUID.");

    private readonly Option<TimeSpan?> _in = Options.Duration("--in", "When it is due, from now.", TimeSpan.Zero, Limits.MaxDelay);

    private readonly Option<DateTimeOffset?> _at = Options.Moment("--at", "When it is due, as 2026-12-24T18:00:00Z or with another offset from UTC; one that has passed means now.");

    private readonly Option<byte[]?> _data = Options.Json("--data", "The data: one JSON value, kept as written. Default: none, no bytes.");

    private readonly Option<string?> _dataFile = Options.InputFile("--data-file", "A file of which any bytes are the data; - for standard input.");

    private readonly Option<int?> _maxRetries = Options.Number(
        "--max-retries", "The attempts after the first; with --from, for lines that do not say.", TimerOptions.Set, nameof(TimerOptions.MaxRetries));

    private readonly Option<IfExists?> _ifExists = Options.Word(
        "--if-exists", "What to do if the id is scheduled or in flight. Default: replace.", Names.IfExists);

    private readonly Option<string?> _from = Options.InputFile(
        "--from", "A file with an event a line, {\"id\"?,\"in\" or \"inMs\" or \"at\",\"data\",\"maxRetries\"?}; - for standard input.");

    private readonly Option<bool> _each = new("--each") { Description = "With --from: write {\"line\",\"id\",\"outcome\"} for every event." };

    private PostCommand()
    {
    }

    public static Command Create(CommandHost host)
    {
        var post = new PostCommand();
        var command = new Command("post", "Post an event that falls due after a delay, or a file of them.")
        {
            post._id, post._in, post._at, post._data, post._dataFile, post._maxRetries, post._ifExists, post._from, post._each,
        };
        command.Validators.Add(post.Check);
        host.OnRun(command, (parsed, session) => parsed.GetValue(post._from) is { } file
            ? post.PostFileAsync(parsed, session, file)
            : post.PostOneAsync(parsed, session));
        return command;
    }

    private void Check(CommandResult result)
    {
        if (result.GetResult(_from) is null)
        {
            bool hasDelay = result.GetResult(_in) is not null, hasMoment = result.GetResult(_at) is not null;
            if (!hasDelay && !hasMoment) result.AddError("'--in' or '--at' is needed (or '--from' with a file of events)");
            if (hasDelay && hasMoment) result.AddError("'--in' and '--at' exclude each other");
            if (result.GetResult(_each) is not null) result.AddError("'--each' goes with '--from'");
            if (result.GetResult(_data) is not null && result.GetResult(_dataFile) is not null) result.AddError("'--data' and '--data-file' exclude each other");
            return;
        }

        foreach (Option option in new Option[] { _id, _in, _at, _data, _dataFile })
        {
            if (result.GetResult(option) is not null) result.AddError($"'--from' excludes '{option.Name}': each line has its own");
        }
    }

    private PostOptions ReadOptions(ParseResult parsed) => new()
    {
        Id = parsed.GetValue(_id),
        MaxRetries = parsed.GetValue(_maxRetries),
        IfExists = parsed.GetValue(_ifExists) ?? IfExists.Replace,
    };

    private async Task<int> PostOneAsync(ParseResult parsed, TimerSession session)
    {
        byte[] payload = parsed.GetValue(_data) ?? [];
        if (parsed.GetValue(_dataFile) is { } file) payload = await DataSource.FromFileAsync(file, session.Terminal, session.Stop).ConfigureAwait(false);
        DateTimeOffset? moment = parsed.GetValue(_at);
        TimeSpan? delay = parsed.GetValue(_in);
        PostResult result = await session.Timer.PostAsync(payload, Outcomes.DueOf(delay, moment), ReadOptions(parsed), session.Stop).ConfigureAwait(false);
        Outcomes.WriteJson(session.Printer, result.Id, Names.Of(result.Outcome));
        if (result.Outcome == PostOutcome.Exists)
        {
            session.Printer.Fail($"{result.Id}: exists, and nothing was changed (--if-exists replace posts it all the same)");
            return ExitCodes.Conflict;
        }

        string due = result.Outcome == PostOutcome.Kept ? "as it was" : Outcomes.Describe(delay, moment);
        session.Printer.Text(Printable.OneLine($"{result.Id}: {Names.Of(result.Outcome)}, {due}"));
        return ExitCodes.Done;
    }

    private async Task<int> PostFileAsync(ParseResult parsed, TimerSession session, string file)
    {
        Stream stream = file == "-" ? session.Terminal.In : DataSource.Open(file, "--from");
        try
        {
            var poster = new EventFilePoster(session, stream, ReadOptions(parsed), each: parsed.GetValue(_each));
            PostSummary summary = await PostProgress.ShowAsync(session, poster, stream).ConfigureAwait(false);
            return PostReport.Write(session.Printer, summary);
        }
        finally
        {
            if (file != "-") await stream.DisposeAsync().ConfigureAwait(false);
        }
    }
}
