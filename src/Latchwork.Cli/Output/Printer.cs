using System.Text.Json;
using Latchwork.Cli.Commands;

namespace Latchwork.Cli.Output;

/// <summary>Where a command's results go: JSON lines for programs, or text for people. Safe for use by many threads.</summary>
internal sealed class Printer
{
    private readonly Terminal _terminal;
    private readonly JsonLines? _json;

    public Printer(Terminal terminal, bool json)
    {
        _terminal = terminal;
        _json = json ? new JsonLines(terminal.Out) : null;
    }

    /// <summary>Whether results are written as JSON.</summary>
    public bool IsJson => _json is not null;

    /// <summary>Whether a person sees the results on a terminal.</summary>
    public bool IsInteractive => !IsJson && _terminal.OutIsInteractive;

    /// <summary>Columns of the terminal.</summary>
    public int Width => _terminal.Width;

    /// <summary>Writes one result in the form that was asked for.</summary>
    /// <param name="json">Writes the properties of its JSON object.</param>
    /// <param name="text">Makes its line for people.</param>
    public void Result(Action<Utf8JsonWriter> json, Func<string> text)
    {
        if (_json is not null) _json.Write(json);
        else _terminal.Out.WriteLine(text());
    }

    /// <summary>Writes one JSON object; nothing for people.</summary>
    public void Json(Action<Utf8JsonWriter> json) => _json?.Write(json);

    /// <summary>Writes a line for people; nothing in JSON.</summary>
    public void Text(string line)
    {
        if (_json is null) _terminal.Out.WriteLine(line);
    }

    /// <summary>Tells people on standard error what happens; nothing in JSON.</summary>
    public void Note(string line)
    {
        if (_json is not null) return;
        _terminal.Error.WriteLine(Printable.OneLine(line));
        _terminal.Error.Flush();
    }

    /// <summary>Reports a failure that does not end the command, on standard error.</summary>
    public void Warn(string message)
    {
        _terminal.Error.WriteLine(ErrorLine.Warning(LatchworkCommand.Name, message));
        _terminal.Error.Flush();
    }

    /// <summary>Reports the failure that decides the exit code, on standard error.</summary>
    public void Fail(string message)
    {
        _terminal.Out.Flush();
        _terminal.Error.WriteLine(ErrorLine.Format(LatchworkCommand.Name, message));
        _terminal.Error.Flush();
    }

    /// <summary>Passes on a line that a command wrote to its standard output: with JSON to standard error, so that only JSON goes to standard output.</summary>
    public void ExecOutput(string line)
    {
        TextWriter to = _json is null ? _terminal.Out : _terminal.Error;
        to.WriteLine(line);
        to.Flush();
    }

    /// <summary>Passes on a line that a command wrote to its standard error.</summary>
    public void ExecError(string line)
    {
        _terminal.Error.WriteLine(line);
        _terminal.Error.Flush();
    }

    /// <summary>Makes sure that what was written is seen now.</summary>
    public void Flush() => _terminal.Out.Flush();
}
