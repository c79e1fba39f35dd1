using System.Text;

namespace Latchwork.Faults.History;

/// <summary>
/// Writes the history of one process: <c>NAME.jsonl</c> in the directory of the run. Each entry goes to the system in one write of its own,
/// so what was written stays if the process is killed in the next moment; at worst the last line is torn. Safe for many threads; the order
/// of lines is not that of times.
/// </summary>
public sealed class HistoryWriter : IDisposable
{
    private readonly FileStream _file;
    private readonly Lock _gate = new();
    private long _lastOp;

    /// <param name="directory">The directory of the run; made if need be.</param>
    /// <param name="process">The process' name, unique in the run and fit for a file's name.</param>
    /// <param name="role">What it does.</param>
    public HistoryWriter(string directory, string process, string role)
    {
        Directory.CreateDirectory(directory);
        Process = process;
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.Read,
            BufferSize = 0,
        };
        _file = new FileStream(Path.Combine(directory, process + ".jsonl"), options);
        Write(new ProcessStarted(MonotonicTime.Now, process, role, Environment.ProcessId));
    }

    /// <summary>The process' name.</summary>
    public string Process { get; }

    /// <summary>A new number for an operation.</summary>
    public long NextOp() => Interlocked.Increment(ref _lastOp);

    /// <summary>Writes an entry. When it returns, the entry survives this process.</summary>
    public void Write(HistoryEntry entry) => WriteLines(HistoryJson.ToLine(entry));

    /// <summary>Writes entries in one write.</summary>
    public void Write(IEnumerable<HistoryEntry> entries)
    {
        using var lines = new MemoryStream();
        foreach (HistoryEntry entry in entries) lines.Write(HistoryJson.ToLine(entry));
        WriteLines(lines.GetBuffer().AsSpan(0, (int)lines.Length));
    }

    /// <summary>Writes that the process ends in good order, and closes the file. What other threads write afterwards is an error of theirs.</summary>
    public void Dispose()
    {
        Write(new ProcessEnded(MonotonicTime.Now));
        lock (_gate) _file.Dispose();
    }

    private void WriteLines(ReadOnlySpan<byte> lines)
    {
        if (lines.IsEmpty) return;
        lock (_gate) _file.Write(lines);
    }

    /// <inheritdoc/>
    public override string ToString() => new StringBuilder(Process).Append(": ").Append(_file.Name).ToString();
}
