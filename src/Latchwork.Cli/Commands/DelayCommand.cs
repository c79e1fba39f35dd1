using System.CommandLine;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer delay ID DURATION</c></summary>
internal static class DelayCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> id = Options.IdArgument();
        Argument<TimeSpan?> delay = Options.DurationArgument("delay", "The new delay, from now on.", TimeSpan.Zero, Limits.MaxDelay);
        var command = new Command("delay", "Give a scheduled event another due time.") { id, delay };
        host.OnRun(command, async (parsed, session) =>
        {
            string eventId = parsed.GetRequiredValue(id);
            TimeSpan value = parsed.GetRequiredValue(delay)!.Value;
            TimerOutcome outcome = await session.Timer.ChangeDelayAsync(eventId, value, session.Stop).ConfigureAwait(false);
            return Outcomes.Report(session.Printer, eventId, outcome, $"due in {Printable.Duration(value)}");
        });
        return command;
    }
}
