using System.CommandLine;
using System.Text.Json;
using Latchwork.Cli.Commands;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo;

/// <summary><c>demo</c>: timers and a process locker on four processes, two kills, and a verdict that is decided from what happened.</summary>
internal static class DemoCommand
{
    // Shorter stalls break no promise.
    private static readonly TimeSpan _noticeableStall = TimeSpan.FromMilliseconds(100);

    public static Command Create(CommandHost host)
    {
        var command = new Command(
            "demo",
            "See it work, in about ten seconds: four processes, 1,000 timers, 300 callers of a process locker, two of the processes killed, and a verdict "
            + "on what was promised; the exit code is 1 if a promise was broken. Runs on a temporary SQLite file unless --store is given "
            + "(LATCHWORK_STORE is not used); from a store that is given it removes what it put there.");
        command.Validators.Add(result =>
        {
            if (result.GetResult(host.Globals.Namespace) is not null) result.AddError("'--namespace' is not for the demo: it makes one of its own");
        });
        command.SetAction((parsed, cancellationToken) => RunAsync(host.Terminal, parsed.GetValue(host.Globals.Store), host.CreatePrinter(parsed), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, string? address, Printer printer, CancellationToken cancellationToken)
    {
        if (address is not null) address = StoreResolver.Find(address, terminal.User);
        if (address is not null && StoreResolver.IsMemory(address))
        {
            throw new CliException(ExitCodes.BadInput, "processes cannot share 'memory:', and the demo kills processes: leave out --store, or give sqlite:PATH or redis://host:port");
        }

        var log = new DemoLog(printer);
        DemoEnvironment environment = await DemoEnvironment.OpenAsync(address, log, cancellationToken).ConfigureAwait(false);
        await using (environment.ConfigureAwait(false))
        {
            try
            {
                log.Line($"Latchwork demo on {environment.Store.Description}");
                (TimerSummary timers, LockerSummary locker) = await RunAsync(environment).ConfigureAwait(false);
                return Conclude(environment, printer, timers, locker);
            }
            catch (Exception e) when (e is OperationCanceledException or TimerBatchException { InnerException: OperationCanceledException } && environment.Loss is not null)
            {
                throw new CliException(environment.Loss.ExitCode, environment.Loss.Message, environment.Loss);
            }
            catch (CliException e) when (e != environment.Loss)
            {
                throw new CliException(e.ExitCode, e.Message + Excuse(environment), e);
            }
        }
    }

    private static async Task<(TimerSummary Timers, LockerSummary Locker)> RunAsync(DemoEnvironment environment)
    {
        var timers = new TimerScenario(environment);
        await using (timers.ConfigureAwait(false))
        {
            var locker = new LockerScenario(environment);
            await using (locker.ConfigureAwait(false))
            {
                try
                {
                    return (await timers.RunAsync().ConfigureAwait(false), await locker.RunAsync().ConfigureAwait(false));
                }
                finally
                {
                    // Also after a failure and after Ctrl-C.
                    await environment.StopNodesAsync().ConfigureAwait(false);
                    await timers.CleanUpAsync().ConfigureAwait(false);
                    await locker.CleanUpAsync().ConfigureAwait(false);
                }
            }
        }
    }

    private static int Conclude(DemoEnvironment environment, Printer printer, TimerSummary timers, LockerSummary locker)
    {
        Promise[] promises = [.. timers.Promises, .. locker.Promises];
        Promise[] broken = [.. promises.Where(p => !p.Holds)];
        foreach (Promise promise in promises)
        {
            environment.Log.Line($"  {(promise.Holds ? "✓" : "✗")} {promise.Text}");
            foreach (string problem in promise.Problems.Take(3)) environment.Log.Line($"      {problem}");
        }

        string verdict = broken.Length == 0 ? $"all {promises.Length} promises held" : $"{broken.Length} of {promises.Length} promises broken";
        environment.Log.Line($"Verdict: {verdict}, by what the nodes reported and the store holds");
        printer.Json(json =>
        {
            json.WriteBoolean("held", broken.Length == 0);
            json.WritePropertyName("timers");
            JsonSerializer.Serialize(json, timers, DemoJson.Default.TimerSummary);
            json.WritePropertyName("locker");
            JsonSerializer.Serialize(json, locker, DemoJson.Default.LockerSummary);
            json.WriteNumber("longestStallMs", Math.Round(environment.LongestStall.TotalMilliseconds, 1));
        });
        if (broken.Length == 0) return ExitCodes.Done;
        printer.Fail($"a promise was broken: {broken[0].Text}: {broken[0].Problems[0]}{Excuse(environment)}");
        return ExitCodes.Failure;
    }

    private static string Excuse(DemoEnvironment environment) => environment.LongestStall < _noticeableStall
        ? ""
        : $"; but the machine or the store stalled for {Printable.Duration(environment.LongestStall)} meanwhile, so try again";
}
