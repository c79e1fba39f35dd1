using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Latchwork.Cli;

/// <summary>What a command sees of the outside: its streams, the environment, and whether a person is looking.</summary>
internal sealed class Terminal
{
    private const int StandardOutput = 1;

    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    public required Stream In { get; init; }

    /// <summary>Below <see cref="Out"/>, for bytes that are no text of ours.</summary>
    public required Stream OutBytes { get; init; }

    /// <summary>Below <see cref="Error"/>.</summary>
    public required Stream ErrorBytes { get; init; }

    /// <summary>Whether <see cref="Out"/> is a terminal that can be redrawn.</summary>
    public bool OutIsInteractive { get; init; }

    /// <summary>Whether <see cref="Error"/> is a terminal that can be redrawn.</summary>
    public bool ErrorIsInteractive { get; init; }

    /// <summary>Columns of an interactive terminal.</summary>
    public int Width { get; init; } = 100;

    public Func<string, string?> Environment { get; init; } = System.Environment.GetEnvironmentVariable;

    /// <summary>The folder for this user's data on this machine; null if there is none. On Linux <c>$XDG_DATA_HOME</c>, else <c>~/.local/share</c>.</summary>
    public string? UserDataFolder { get; init; }

    /// <summary>Fires when the user asks for the second time to stop: graceful endings are cut short.</summary>
    public CancellationToken Hurry { get; init; }

    /// <summary>The terminal of this process.</summary>
    public static Terminal OfProcess(CancellationToken hurry)
    {
        bool capable = System.Environment.GetEnvironmentVariable("TERM") != "dumb";
        bool outIsInteractive = capable && !Console.IsOutputRedirected;
        bool errorIsInteractive = capable && !Console.IsErrorRedirected;
        Stream output = OpenStandardOutput(), error = Console.OpenStandardError();
        return new Terminal
        {
            Out = Writer(output),
            Error = Writer(error),
            OutBytes = output,
            ErrorBytes = error,
            In = Console.OpenStandardInput(),
            OutIsInteractive = outIsInteractive,
            ErrorIsInteractive = errorIsInteractive,
            Width = outIsInteractive ? Math.Max(40, Console.WindowWidth) : 100,
            UserDataFolder = System.Environment.GetFolderPath(System.Environment.SpecialFolder.LocalApplicationData, System.Environment.SpecialFolderOption.DoNotVerify),
            Hurry = hurry,
        };
    }

    // The console's own stream hides that the reader of a pipe has gone, and a listener would confirm what nobody has seen. A file needs the
    // console's stream: it shares its position with whoever else writes to the same file, and a FileStream keeps one of its own.
    private static Stream OpenStandardOutput()
    {
        if (OperatingSystem.IsWindows() || !Console.IsOutputRedirected) return Console.OpenStandardOutput();
        var pipe = new FileStream(new SafeFileHandle(StandardOutput, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return pipe.CanSeek ? Console.OpenStandardOutput() : pipe;
    }

    // Unlike Console.Out, not flushed after every write: commands that list a million events flush when they have something to show.
    private static TextWriter Writer(Stream stream) =>
        TextWriter.Synchronized(new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), bufferSize: 16 << 10));
}
