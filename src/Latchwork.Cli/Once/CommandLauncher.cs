using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Latchwork.Cli.Once;

/// <summary>
/// Stands between this process and a command on Unix. .NET cannot prepare a child between fork and exec, so the child is this tool again, under
/// a hidden verb: it makes a session of its own, binds itself to its parent's life, and becomes the command. All of that survives the exec.
/// </summary>
internal static class CommandLauncher
{
    /// <summary>The hidden verb, for <c>Main</c>.</summary>
    public const string Verb = "__launch";

    /// <summary>The most bytes of a report.</summary>
    public const int MaxReportBytes = 64;

    private const int NotStarted = 127;

    /// <summary>How the words are passed on.</summary>
    private const string AsText = "text", AsBase64 = "base64";

    /// <summary>In place of a limit that is not known.</summary>
    private const string Unknown = "-";

    /// <summary>How to start a command in such a way.</summary>
    /// <param name="words">The program and its arguments.</param>
    /// <param name="rawWords">Their bytes, if not all of them are UTF-8.</param>
    /// <param name="nonce">Marks the report of a command that could not be started: no command can print it by chance.</param>
    public static ProcessStartInfo CreateStartInfo(IReadOnlyList<string> words, byte[][]? rawWords, string nonce)
    {
        var info = new ProcessStartInfo
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        IEnumerable<string> line = words;
        if (!OperatingSystem.IsWindows())
        {
            line = [.. ThisTool.CommandLine(), Verb, nonce, Environment.ProcessId.ToString(CultureInfo.InvariantCulture), Posix.FindOriginalFileLimit()?.ToString(CultureInfo.InvariantCulture) ?? Unknown,
                // A process is started with text alone.
                rawWords is null ? AsText : AsBase64, .. rawWords?.Select(Convert.ToBase64String) ?? words];
        }

        info.FileName = line.First();
        foreach (string word in line.Skip(1)) info.ArgumentList.Add(word);
        return info;
    }

    /// <summary>What <c>Main</c> does for the hidden verb, on its own thread: it becomes the command.</summary>
    /// <returns>Only if it could not.</returns>
    public static int Run(ReadOnlySpan<string> args)
    {
        if (args.Length < 5 || !int.TryParse(args[1], NumberStyles.None, CultureInfo.InvariantCulture, out int parentId)) return ExitCodes.BadInput;
        Posix.BeginSession();
        if (!Posix.DieWith(parentId)) return ExitCodes.Failure;
        if (ulong.TryParse(args[2], NumberStyles.None, CultureInfo.InvariantCulture, out ulong files)) Posix.LowerFileLimit(files);
        ReadOnlySpan<string> words = args[4..];
        var bytes = new byte[words.Length][];
        for (int i = 0; i < bytes.Length; i++) bytes[i] = args[3] == AsBase64 ? Convert.FromBase64String(words[i]) : Encoding.UTF8.GetBytes(words[i]);
        int error = Posix.Become(bytes);
        using Stream report = Console.OpenStandardError();
        report.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{args[0]}:{error}")));
        return NotStarted;
    }

    /// <summary>Why a command could not be started, from what its launcher left behind; null if it was started.</summary>
    public static string? FindError(string nonce, int exitCode, ReadOnlySpan<byte> standardError)
    {
        if (exitCode != NotStarted || standardError.Length > MaxReportBytes) return null;
        string text = Encoding.UTF8.GetString(standardError);
        if (!text.StartsWith(nonce + ":", StringComparison.Ordinal)) return null;
        return int.TryParse(text.AsSpan(nonce.Length + 1), CultureInfo.InvariantCulture, out int error)
            ? Marshal.GetPInvokeErrorMessage(error)
            : "unknown error";
    }
}
