using System.CommandLine;
using Latchwork.Cli.Commands;
using Latchwork.Cli.Demo.Locker;
using Latchwork.Cli.Demo.Timers;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo;

/// <summary><c>demo</c>: two acts, timers and a process locker, each with a failure, a kill, and a summary that is checked.</summary>
internal static class DemoCommand
{
    public static Command Create(CommandHost host)
    {
        var command = new Command(
            "demo",
            "See it work, in about fifteen seconds. Timers: three processes that listen, 3,000 events, failures and a kill. "
            + "Then a process locker: 400 callers in four processes, four keys, a failure and a kill. "
            + "Runs on a temporary SQLite file unless --store is given (LATCHWORK_STORE is not used); in a store it cleans up behind itself.");
        command.Validators.Add(result =>
        {
            if (result.GetResult(host.Globals.Namespace) is not null) result.AddError("'--namespace' is not for the demo: it makes one of its own");
        });
        command.SetAction((parsed, stop) => RunAsync(host, parsed.GetValue(host.Globals.Store), host.CreatePrinter(parsed), stop));
        return command;
    }

    private static async Task<int> RunAsync(CommandHost host, string? address, Printer printer, CancellationToken stop)
    {
        using TemporaryDatabase? temporary = address is null ? new TemporaryDatabase() : null;
        address = temporary?.Address ?? StoreResolver.Find(address, host.Terminal);
        DemoView view = DemoView.Create(printer, host.Terminal);
        var pulse = new DemoPulse(await StoreResolver.OpenAsync(address, stop).ConfigureAwait(false), TimeProvider.System);
        await using (pulse.ConfigureAwait(false))
        {
            try
            {
                return await PlayAsync(address, view, printer, pulse, stop).ConfigureAwait(false);
            }
            catch (CliException e) when (e.ExitCode == ExitCodes.Failure && pulse.Excuse.Length > 0)
            {
                throw new CliException(ExitCodes.Failure, e.Message + pulse.Excuse, e);
            }
        }
    }

    private static async Task<int> PlayAsync(string address, DemoView view, Printer printer, DemoPulse pulse, CancellationToken stop)
    {
        TimersResult timers = await PlayTimersAsync(address, view, stop).ConfigureAwait(false);
        LockerActResult locker = await PlayLockerAsync(address, view, stop).ConfigureAwait(false);
        printer.Json(json =>
        {
            json.WriteStartObject("timers");
            TimersReport.WriteJson(json, timers);
            json.WriteEndObject();
            json.WriteStartObject("locker");
            LockerReport.WriteJson(json, locker);
            json.WriteEndObject();
            json.WriteNumber("longestStallMs", Math.Round(pulse.LongestStall.TotalMilliseconds, 1));
        });
        if (timers.Claims.Concat(locker.Claims).FirstOrDefault(c => !c.Holds) is not { } broken) return ExitCodes.Done;
        printer.Fail($"the demo's claim does not hold: {broken.Text}: {broken.Problems[0]}{pulse.Excuse}");
        return ExitCodes.Failure;
    }

    private static async Task<TimersResult> PlayTimersAsync(string address, DemoView view, CancellationToken stop)
    {
        DemoStage stage = await DemoStage.OpenAsync(address, stop).ConfigureAwait(false);
        view.Line($"latchwork demo on {stage.Store.Description}", Tone.Strong);
        var act = new TimersAct(stage);
        await using (act.ConfigureAwait(false))
        {
            TimersResult result = await view.WatchAsync(act).ConfigureAwait(false);
            TimersReport.Write(view.Line, result);
            return result;
        }
    }

    private static async Task<LockerActResult> PlayLockerAsync(string address, DemoView view, CancellationToken stop)
    {
        var act = new LockerAct(await DemoStage.OpenAsync(address, stop).ConfigureAwait(false));
        await using (act.ConfigureAwait(false))
        {
            LockerActResult result = await view.WatchAsync(act).ConfigureAwait(false);
            LockerReport.Write(view.Line, result);
            return result;
        }
    }
}
