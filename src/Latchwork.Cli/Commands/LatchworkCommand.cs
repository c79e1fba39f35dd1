using System.CommandLine;
using System.CommandLine.Help;
using Latchwork.Cli.Demo;

namespace Latchwork.Cli.Commands;

/// <summary>The root: global options and the groups of commands.</summary>
internal static class LatchworkCommand
{
    public const string Name = "latchwork";

    public static Command Create(Terminal terminal)
    {
        var globals = new GlobalOptions(terminal);
        var host = new CommandHost(terminal, globals);
        var root = new Command(
            Name,
            "Durable distributed timers, and commands that run once across machines. Start with 'latchwork demo'; durations are written 250ms, 10s, 5m, "
            + "1h30m, 7d or 00:00:10. Exit codes: 0 done, 1 failure, 2 bad input, 3 not found, 4 in a state that does not allow it, 5 timed out, 6 lease lost, "
            + "130 Ctrl-C (128 and the number of another signal; 'timer listen' ends on SIGTERM with 0).")
        {
            new HelpOption(),
            new VersionOption(),
            globals.Store,
            globals.Namespace,
            globals.Json,
            DemoCommand.Create(host),
            TimerCommand.Create(host),
            ScheduleCommand.Create(host),
            OnceCommand.Create(host),
            LockCommand.Create(host),
            MoveCommand.Create(host),
            TopCommand.Create(host),
            DoctorCommand.Create(host),
            StoreCommand.Create(host),
        };
        CompletionCommand.AddTo(root, terminal);
        HelpExamples.AddTo(root);
        return root;
    }
}
