using System.Text;

namespace Latchwork.Cli.Listening;

/// <summary>Passes a command's output on in whole lines, so that commands that run at the same time do not mix within one.</summary>
internal sealed class OutputPump
{
    private const int MaxLine = 64 << 10;

    private readonly StreamReader _reader;
    private readonly Action<string> _write;
    private readonly StringBuilder _line = new();

    public OutputPump(StreamReader reader, Action<string> write)
    {
        _reader = reader;
        _write = write;
    }

    /// <summary>The last line that is not blank.</summary>
    public string? LastLine { get; private set; }

    /// <summary>Why a line could not be passed on. From then on what the command prints is dropped, so that it is not held up.</summary>
    public OutputFailedException? Failure { get; private set; }

    public async Task RunAsync()
    {
        var buffer = new char[4096];
        try
        {
            while (await _reader.ReadAsync(buffer).ConfigureAwait(false) is > 0 and int read) Take(buffer.AsSpan(0, read));
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            // The command was killed, or a child that is no longer waited for keeps the pipe: what came until then is passed on below.
        }

        if (_line.Length > 0) EndLine();
    }

    private void Take(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            int end = text.IndexOf('\n');
            _line.Append(end < 0 ? text : text[..end]);
            if (end >= 0 || _line.Length > MaxLine) EndLine();
            text = end < 0 ? [] : text[(end + 1)..];
        }
    }

    private void EndLine()
    {
        string line = _line.ToString().TrimEnd('\r');
        _line.Clear();
        if (!string.IsNullOrWhiteSpace(line)) LastLine = line;
        if (Failure is not null) return;
        try
        {
            _write(line);
        }
        catch (OutputFailedException e)
        {
            Failure = e;
        }
    }
}
