using System.Text.RegularExpressions;

namespace Latchwork.Tools;

/// <summary>Makes any message fit for standard error: one line, no password, no control characters.</summary>
internal static partial class ErrorLine
{
    /// <param name="tool">The command that says it.</param>
    /// <param name="message">What it says.</param>
    public static string Format(string tool, string message) => $"{tool}: {Clean(message)}";

    /// <inheritdoc cref="Format"/>
    public static string Warning(string tool, string message) => Format(tool, "warning: " + message);

    public static string Clean(string message)
    {
        string text = UserInfo().Replace(message, "://***@");
        text = Password().Replace(text, "$1***");
        return Printable.OneLine(text);
    }

    // The last line of defence: a store address that comes back in a message of a parser or a library.
    [GeneratedRegex(@"://[^\s/@'""]*(?:@[^\s/@'""]*)*@")]
    private static partial Regex UserInfo();

    [GeneratedRegex(@"(\bpassword=)[^\s,;'""&]+", RegexOptions.IgnoreCase)]
    private static partial Regex Password();
}
