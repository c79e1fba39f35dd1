using System.Globalization;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo;

/// <summary>Prints what happens, in lines of at most 80 columns. With <c>--json</c> it prints nothing.</summary>
internal sealed class DemoLog(Printer printer)
{
    private const int Columns = 80;

    private readonly long _start = TimeProvider.System.GetTimestamp();

    /// <summary>Prints what happened, with the time since the demo began.</summary>
    public void Say(string text) =>
        Line(string.Create(CultureInfo.InvariantCulture, $"{TimeProvider.System.GetElapsedTime(_start).TotalSeconds,6:0.0} s  {text}"));

    /// <summary>Prints a line of its own; a longer one is cut off.</summary>
    public void Line(string text)
    {
        printer.Text(text.Length <= Columns ? text : text[..(Columns - 1)] + "…");
        printer.Flush();
    }
}
