using System.Text;

namespace Latchwork.Cli;

/// <summary>What a command sees of the outside: its streams, the environment, and whether a person is looking.</summary>
internal sealed class Terminal
{
    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    public required Stream In { get; init; }

    /// <summary>Below <see cref="Out"/>, for bytes that are no text of ours.</summary>
    public required Stream OutBytes { get; init; }

    /// <summary>Below <see cref="Error"/>.</summary>
    public required Stream ErrorBytes { get; init; }

    /// <summary>Why <see cref="Out"/> cannot be written, in words that continue "standard output "; null if nothing is known to be wrong.</summary>
    public string? OutProblem { get; init; }

    /// <summary>Whether <see cref="Out"/> is a terminal that can be redrawn.</summary>
    public bool OutIsInteractive { get; init; }

    /// <summary>Whether <see cref="Error"/> is a terminal that can be redrawn.</summary>
    public bool ErrorIsInteractive { get; init; }

    /// <summary>Columns of an interactive terminal.</summary>
    public int Width { get; init; } = 100;

    /// <summary>The bytes of the arguments, if not all of them are UTF-8.</summary>
    public IReadOnlyList<byte[]>? RawArguments { get; init; }

    /// <summary>Who started the tool.</summary>
    public UserEnvironment User { get; init; } = UserEnvironment.OfProcess();

    /// <summary>Fires when the user asks for the second time to stop: graceful endings are cut short.</summary>
    public CancellationToken Hurry { get; init; }

    /// <summary>The signal that asked to stop, as a number: 2 for Ctrl-C.</summary>
    public Func<int> StopSignal { get; init; } = static () => ExitCodes.Interrupt;

    /// <summary>The terminal of this process.</summary>
    /// <param name="argumentCount">The number of arguments.</param>
    /// <param name="stopSignal">The signal that asked to stop.</param>
    /// <param name="hurry">Fires when the user asks for the second time to stop.</param>
    public static Terminal OfProcess(int argumentCount, Func<int> stopSignal, CancellationToken hurry)
    {
        bool capable = Environment.GetEnvironmentVariable("TERM") != "dumb";
        bool outIsInteractive = capable && !Console.IsOutputRedirected;
        bool errorIsInteractive = capable && !Console.IsErrorRedirected;
        string? problem = StandardStreams.FindOutputProblem();
        Stream output = StandardStreams.OpenOutput(problem), error = StandardStreams.OpenError();
        return new Terminal
        {
            Out = Writer(output),
            Error = Writer(error),
            OutBytes = output,
            ErrorBytes = error,
            In = Console.OpenStandardInput(),
            OutProblem = problem,
            RawArguments = Cli.RawArguments.Read(argumentCount),
            OutIsInteractive = outIsInteractive,
            ErrorIsInteractive = errorIsInteractive,
            Width = outIsInteractive ? Math.Max(40, Console.WindowWidth) : 100,
            Hurry = hurry,
            StopSignal = stopSignal,
        };
    }

    // Unlike Console.Out, not flushed after every write: commands that list a million events flush when they have something to show.
    private static TextWriter Writer(Stream stream) =>
        TextWriter.Synchronized(new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), bufferSize: 16 << 10));
}
