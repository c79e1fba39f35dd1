using System.Text;
using System.Text.Json;

namespace Latchwork.Cli.Tests.Support;

/// <summary>What a command line did.</summary>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Out">Its standard output.</param>
/// <param name="Error">Its standard error.</param>
public sealed record CliResult(int ExitCode, string Out, string Error)
{
    /// <summary>The lines of standard output.</summary>
    public string[] Lines => Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Reads the one JSON object on standard output.</summary>
    public JsonElement ReadJson() => JsonDocument.Parse(Lines.Length == 1 ? Lines[0] : throw new InvalidOperationException($"Not one line: {this}")).RootElement;
}

/// <summary>Runs the tool inside this process, as a program would see it: nothing is a terminal.</summary>
public static class Tool
{
    public static Task<CliResult> RunAsync(params string[] args) => RunAsync(args, stdin: "");

    /// <param name="args">The arguments.</param>
    /// <param name="stdin">What is on its standard input.</param>
    /// <param name="store">The variable <c>LATCHWORK_STORE</c>.</param>
    /// <param name="dataFolder">The folder for the user's data; by default there is none.</param>
    /// <param name="cancellationToken">Asks it to stop.</param>
    public static async Task<CliResult> RunAsync(
        string[] args, string stdin, string? store = null, string? dataFolder = null, CancellationToken cancellationToken = default)
    {
        var output = new MemoryStream();
        var error = new MemoryStream();
        var terminal = new Terminal
        {
            Out = Writer(output),
            Error = Writer(error),
            OutBytes = output,
            ErrorBytes = error,
            In = new MemoryStream(Encoding.UTF8.GetBytes(stdin)),
            User = new UserEnvironment(name => name == "LATCHWORK_STORE" ? store : null, dataFolder),
        };
        int exitCode = await CliApplication.RunAsync(args, terminal, cancellationToken);
        return new CliResult(exitCode, Encoding.UTF8.GetString(output.ToArray()), Encoding.UTF8.GetString(error.ToArray()));
    }

    private static TextWriter Writer(Stream stream) =>
        TextWriter.Synchronized(new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true, NewLine = "\n" });
}
