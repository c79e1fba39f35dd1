using System.Text.Json;

namespace Latchwork.Faults.History;

/// <summary>An entry and where it stands.</summary>
/// <param name="Process">The process that wrote it.</param>
/// <param name="Entry">The entry.</param>
public readonly record struct HistoryLine(string Process, HistoryEntry Entry);

/// <summary>Reads the files of a run. A torn last line of a file (its process was killed while it wrote) is left out; any other line that cannot be read is an error.</summary>
/// <param name="directory">The directory of the run.</param>
public sealed class HistoryReader(string directory)
{
    private const int BufferSize = 1 << 20;

    /// <summary>The names of the processes, in ordinal order.</summary>
    public IReadOnlyList<string> Processes { get; } =
        [.. Directory.EnumerateFiles(directory, "*.jsonl").Select(file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal)];

    /// <summary>All entries, one file after the other, each in the order in which it was written.</summary>
    /// <exception cref="InvalidDataException">A line is no entry.</exception>
    public IEnumerable<HistoryLine> Read()
    {
        foreach (string process in Processes)
        {
            foreach (HistoryEntry entry in Read(process)) yield return new HistoryLine(process, entry);
        }
    }

    /// <summary>All entries in the order of their times; for histories that fit in memory.</summary>
    /// <exception cref="InvalidDataException">A line is no entry.</exception>
    public IReadOnlyList<HistoryLine> ReadMerged() => [.. Read().OrderBy(line => line.Entry.At)];

    /// <summary>The size of all files.</summary>
    public long Bytes => Processes.Sum(process => new FileInfo(PathOf(process)).Length);

    /// <summary>The entries of one process.</summary>
    /// <exception cref="InvalidDataException">A line is no entry.</exception>
    public IEnumerable<HistoryEntry> Read(string process)
    {
        long number = 0;
        foreach (ReadOnlyMemory<byte> line in ReadLines(process)) yield return Parse(line.Span, PathOf(process), ++number);
    }

    /// <summary>The lines of one process as they are, each good until the next is asked for.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> ReadLines(string process)
    {
        string path = PathOf(process);
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        byte[] buffer = new byte[BufferSize];
        int filled = 0;
        while (true)
        {
            int read = file.Read(buffer, filled, buffer.Length - filled);
            if (read == 0) yield break; // what is left is a torn line, or nothing
            filled += read;

            int start = 0;
            while (true)
            {
                int length = buffer.AsSpan(start, filled - start).IndexOf((byte)'\n');
                if (length < 0) break;
                yield return buffer.AsMemory(start, length);
                start += length + 1;
            }

            buffer.AsSpan(start, filled - start).CopyTo(buffer);
            filled -= start;
            if (filled == buffer.Length) Array.Resize(ref buffer, buffer.Length * 2);
        }
    }

    private string PathOf(string process) => Path.Combine(directory, process + ".jsonl");

    private static HistoryEntry Parse(ReadOnlySpan<byte> line, string path, long number)
    {
        try
        {
            return HistoryJson.OfLine(line);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"Line {number} of '{path}' is no entry of a history: {e.Message}", e);
        }
    }
}
