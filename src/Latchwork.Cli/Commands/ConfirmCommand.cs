using System.CommandLine;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer confirm ID --token T</c></summary>
internal static class ConfirmCommand
{
    public static Command Create(CommandHost host)
    {
        Argument<string> id = Options.IdArgument();
        Option<string?> token = Options.Id("--token", "The token of the delivery, as 'timer listen' prints it.");
        token.HelpName = "token";
        var force = new Option<bool>("--force") { Description = "Confirm whatever delivery is live, without its token." };
        var command = new Command("confirm", "Confirm a delivery from anywhere: the event is gone.") { id, token, force };
        command.Validators.Add(result =>
        {
            bool hasToken = result.GetResult(token) is not null;
            if (hasToken && result.GetValue(force)) result.AddError("'--token' and '--force' exclude each other");
            if (!hasToken && !result.GetValue(force)) result.AddError("'--token' is needed (or '--force' to confirm whatever delivery is live)");
        });
        host.OnLook(command, (parsed, session) => parsed.GetValue(token) is { } given
            ? ConfirmAsync(session, parsed.GetRequiredValue(id), given)
            : ForceAsync(session, parsed.GetRequiredValue(id)));
        return command;
    }

    private static async Task<int> ConfirmAsync(TimerSession session, string id, string token)
    {
        TimerOutcome outcome = await session.Timer.ConfirmAsync(id, token, session.Stop).ConfigureAwait(false);
        return Outcomes.Report(session.Printer, id, outcome, "confirmed");
    }

    private static async Task<int> ForceAsync(TimerSession session, string id)
    {
        // The token may change hands between the look and the confirm; then look again, but not forever.
        const int Attempts = 5;
        var outcome = TimerOutcome.Stale;
        for (int i = 0; i < Attempts && outcome == TimerOutcome.Stale; i++)
        {
            TimerSnapshot? snapshot = await session.Timer.PeekAsync(id, session.Stop).ConfigureAwait(false);
            if (snapshot is null or { State: TimerState.Completed })
            {
                outcome = TimerOutcome.NotFound;
            }
            else if (snapshot.Token is { } token)
            {
                outcome = await session.Timer.ConfirmAsync(id, token, session.Stop).ConfigureAwait(false);
            }
            else
            {
                string state = Names.Of(snapshot.State);
                Outcomes.WriteJson(session.Printer, id, state);
                session.Printer.Fail($"{id}: {state}, so there is no delivery to confirm ('timer cancel' removes it)");
                return ExitCodes.Conflict;
            }
        }

        return Outcomes.Report(session.Printer, id, outcome, "confirmed");
    }
}
