using System.CommandLine;
using Latchwork.Cli.Input;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer cancel ID</c></summary>
internal static class CancelCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> id = Options.IdArgument();
        var revoke = new Option<bool>("--revoke") { Description = "Cancel it even while a node is handling it; the token of its handler fires." };
        var command = new Command("cancel", "Cancel an event: a scheduled one is removed, a dead letter purged.") { id, revoke };
        host.OnLook(command, async (parsed, session) =>
        {
            string eventId = parsed.GetRequiredValue(id);
            TimerOutcome outcome = await session.Timer.CancelAsync(eventId, parsed.GetValue(revoke), session.Stop).ConfigureAwait(false);
            return Outcomes.Report(session.Printer, eventId, outcome, "cancelled");
        });
        return command;
    }
}
