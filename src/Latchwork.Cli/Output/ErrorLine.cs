using System.Text.RegularExpressions;

namespace Latchwork.Cli.Output;

/// <summary>Makes any message fit for standard error: one line, no password, no control characters.</summary>
internal static partial class ErrorLine
{
    public static string Format(string message) => "latchwork: " + Clean(message);

    public static string Warning(string message) => "latchwork: warning: " + Clean(message);

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
