using Spectre.Console;

namespace Latchwork.Cli.Output;

/// <summary>Consoles that are drawn on. Only for terminals: everything else gets plain text from <see cref="Printer"/>.</summary>
internal static class Consoles
{
    public static IAnsiConsole Create(TextWriter writer) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new FlushedOutput(writer),
        Ansi = AnsiSupport.Yes,
        Interactive = InteractionSupport.Yes,
    });

    // Spectre.Console flushes after every drawing, and asks the process's console for its size.
    private sealed class FlushedOutput : IAnsiConsoleOutput
    {
        public FlushedOutput(TextWriter writer) => Writer = writer;

        public TextWriter Writer { get; }

        public bool IsTerminal => true;

        public int Width => Math.Max(40, Console.WindowWidth);

        public int Height => Math.Max(10, Console.WindowHeight);

        public void SetEncoding(System.Text.Encoding encoding)
        {
            // The writer's encoding is fixed: UTF-8.
        }
    }
}
