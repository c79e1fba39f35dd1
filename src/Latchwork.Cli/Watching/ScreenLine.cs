using Latchwork.Monitoring;

namespace Latchwork.Cli.Watching;

/// <summary>A line of what is watched.</summary>
/// <param name="Text">The line, without control characters.</param>
/// <param name="Severity">Decides its colour on a terminal; the words say the same.</param>
internal readonly record struct ScreenLine(string Text, Severity Severity = Severity.Fine);
