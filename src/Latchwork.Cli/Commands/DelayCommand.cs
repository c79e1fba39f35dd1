using System.CommandLine;
using Latchwork.Cli.Input;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer delay ID DURATION</c></summary>
internal static class DelayCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> id = Options.IdArgument();
        Argument<TimeSpan?> delay = Options.DurationArgument("delay", "The new delay, from now on.", TimeSpan.Zero, Limits.MaxDelay);
        delay.Arity = ArgumentArity.ZeroOrOne;
        Option<DateTimeOffset?> at = Options.Moment("--at", "The new due time, instead of a delay.");
        var command = new Command("delay", "Give a scheduled event another due time.") { id, delay, at };
        command.Validators.Add(result =>
        {
            bool hasDelay = result.GetResult(delay) is { Tokens.Count: > 0 }, hasMoment = result.GetResult(at) is not null;
            if (hasDelay == hasMoment) result.AddError(hasDelay ? "a delay and '--at' exclude each other" : "a delay is needed, such as 10m (or '--at' with a time)");
        });
        host.OnLook(command, async (parsed, session) =>
        {
            string eventId = parsed.GetRequiredValue(id);
            (TimeSpan? after, DateTimeOffset? moment) = (parsed.GetValue(delay), parsed.GetValue(at));
            TimerOutcome outcome = await session.Timer.ChangeDelayAsync(eventId, Outcomes.DueOf(after, moment), session.Stop).ConfigureAwait(false);
            return Outcomes.Report(session.Printer, eventId, outcome, Outcomes.Describe(after, moment));
        });
        return command;
    }
}
