using System.CommandLine;
using Latchwork.Cli.Input;

namespace Latchwork.Cli.Commands;

/// <summary>The options that every command takes, before or after its name.</summary>
internal sealed class GlobalOptions
{
    public GlobalOptions(Terminal terminal) => Store = StoreOption.Create(terminal.User);

    public Option<string?> Store { get; }

    public Option<string?> Namespace { get; } = Recursive(
        Options.Id("--namespace", $"The kind of event, or the set of keys. Default: {TimerOptions.DefaultNamespace} for timers, {LockerOptions.DefaultNamespace} for keys.", "-n"));

    public Option<bool> Json { get; } = new("--json")
    {
        Description = "Write one JSON object a line, for programs.",
        Recursive = true,
    };

    private static Option<string?> Recursive(Option<string?> option)
    {
        option.Recursive = true;
        return option;
    }
}
