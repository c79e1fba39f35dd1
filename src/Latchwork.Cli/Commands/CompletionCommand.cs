using System.CommandLine;
using System.Globalization;

namespace Latchwork.Cli.Commands;

/// <summary><c>completion bash|zsh|fish|pwsh</c>, and the hidden command that the scripts ask.</summary>
internal static class CompletionCommand
{
    private const string Asked = "__complete";

    private static readonly Dictionary<string, string> _scripts = new()
    {
        ["bash"] = """
            _latchwork() {
                local IFS=$'\n'
                COMPREPLY=($(compgen -W "$(latchwork __complete "$COMP_POINT" "$COMP_LINE" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
            }
            complete -o default -F _latchwork latchwork
            """,
        ["zsh"] = """
            #compdef latchwork
            _latchwork() {
                local -a found
                found=("${(@f)$(latchwork __complete '' "${(j: :)words[1,CURRENT]}" 2>/dev/null)}")
                if (( ${#found[@]} )) && [[ -n ${found[1]} ]]; then compadd -a found; else _files; fi
            }
            compdef _latchwork latchwork
            """,
        ["fish"] = """
            complete -c latchwork -a '(latchwork __complete "" (commandline -cp) 2>/dev/null)'
            """,
        ["pwsh"] = """
            Register-ArgumentCompleter -Native -CommandName latchwork -ScriptBlock {
                param($wordToComplete, $commandAst, $cursorPosition)
                latchwork __complete $cursorPosition "$commandAst" | ForEach-Object {
                    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
                }
            }
            """,
    };

    /// <summary>Adds both commands to the root, whose commands and options they complete.</summary>
    public static void AddTo(Command root, Terminal terminal)
    {
        var shell = new Argument<string>("shell") { Description = string.Join(", ", _scripts.Keys) + "." };
        shell.AcceptOnlyFromAmong([.. _scripts.Keys]);
        var print = new Command("completion", "Print a script that completes commands and options in a shell; have it read at the shell's start.") { shell };
        print.SetAction(async (parsed, _) =>
        {
            await terminal.Out.WriteLineAsync(_scripts[parsed.GetRequiredValue(shell)]).ConfigureAwait(false);
            return ExitCodes.Done;
        });
        root.Add(print);

        var position = new Argument<string>("position");
        var line = new Argument<string>("line");
        var complete = new Command(Asked) { position, line };
        complete.Hidden = true;
        complete.SetAction(async (parsed, _) =>
        {
            foreach (string one in Complete(root, parsed.GetRequiredValue(line), parsed.GetRequiredValue(position))) await terminal.Out.WriteLineAsync(one).ConfigureAwait(false);
            return ExitCodes.Done;
        });
        root.Add(complete);
    }

    /// <summary>What may stand at a position of a line.</summary>
    /// <param name="root">The root.</param>
    /// <param name="line">The line, which begins with the name of the tool.</param>
    /// <param name="position">The cursor's position in it; at its end if it is no number.</param>
    private static IEnumerable<string> Complete(Command root, string line, string position)
    {
        int at = int.TryParse(position, NumberStyles.None, CultureInfo.InvariantCulture, out int given) ? given : line.Length;
        line = at <= line.Length ? line[..at] : line.PadRight(at);
        int name = line.IndexOf(' ', StringComparison.Ordinal);
        if (name < 0) return [];
        string rest = line[(name + 1)..];
        // A word that has not begun is an empty one.
        ParseResult parsed = root.Parse(rest);
        return parsed.GetCompletions(rest.Length).Select(static one => one.Label).Where(static label => label != Asked && !label.StartsWith("-?", StringComparison.Ordinal) && !label.StartsWith('/')).Distinct(StringComparer.Ordinal);
    }
}
