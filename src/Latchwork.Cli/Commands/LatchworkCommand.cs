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
        var globals = new GlobalOptions();
        var host = new CommandHost(terminal, globals);
        return new Command(
            Name,
            "Durable distributed timers. Start with 'latchwork demo'; durations are written 250ms, 2s, 5m, 1h, 3d, 1h30m.")
        {
            new HelpOption(),
            new VersionOption(),
            globals.Store,
            globals.Namespace,
            globals.Json,
            DemoCommand.Create(host),
            TimerCommand.Create(host),
        };
    }
}
