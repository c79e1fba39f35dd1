using System.Runtime.InteropServices;
using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking;

/// <summary>
/// Splits a history by id, so that only a part of it is in memory at a time. A small history is one bucket, and never written again; of a
/// large one each bucket is a file in a temporary directory.
/// </summary>
internal sealed class HistorySplitter : IDisposable
{
    private const int None = -1;

    private readonly HistoryReader _reader;
    private readonly RunFactsBuilder _facts;
    private readonly string[] _processes;
    private readonly string? _directory;
    private readonly FileStream[] _files = [];
    private readonly List<HistoryLine> _memory = [];

    /// <summary>Reads the history once.</summary>
    /// <param name="reader">The history.</param>
    /// <param name="facts">Gets what concerns all ids.</param>
    /// <param name="bucketBytes">The most that a bucket should hold.</param>
    public HistorySplitter(HistoryReader reader, RunFactsBuilder facts, long bucketBytes)
    {
        _reader = reader;
        _facts = facts;
        _processes = [.. reader.Processes];
        Buckets = (int)Math.Clamp(reader.Bytes / bucketBytes + 1, 1, 256);
        if (Buckets == 1)
        {
            ReadAll();
            return;
        }

        _directory = Directory.CreateTempSubdirectory("latchwork-check-").FullName;
        _files = [.. Enumerable.Range(0, Buckets).Select(i => new FileStream(
            Path.Combine(_directory, $"{i}.bin"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose))];
        for (int i = 0; i < _processes.Length; i++) Split(i);
    }

    /// <summary>How many buckets there are.</summary>
    public int Buckets { get; }

    /// <summary>How many lines there are.</summary>
    public long Lines { get; private set; }

    /// <summary>The lines of a bucket; those of one process in their order.</summary>
    public IEnumerable<HistoryLine> Bucket(int index)
    {
        if (Buckets == 1) return _memory;
        return ReadBucket(_files[index]);
    }

    public void Dispose()
    {
        foreach (FileStream file in _files) file.Dispose();
        if (_directory is not null) Directory.Delete(_directory, recursive: true);
    }

    private void ReadAll()
    {
        foreach (HistoryLine line in _reader.Read())
        {
            Lines++;
            _facts.Add(line.Process, line.Entry);
            _memory.Add(line);
        }
    }

    private void Split(int process)
    {
        // The bucket of each operation that has begun and not ended; an end does not tell its id.
        var open = new Dictionary<long, int>();
        foreach (ReadOnlyMemory<byte> line in _reader.ReadLines(_processes[process]))
        {
            Lines++;
            LineRoute route = LineRoute.Of(line.Span);
            int bucket = route.Hash is { } hash ? (int)(hash % (uint)Buckets) : None;
            if (route.Kind == "op") open[route.Op] = bucket;
            else if (route.Kind == "opEnd") open.Remove(route.Op, out bucket);

            if (bucket == None) _facts.Add(_processes[process], HistoryJson.OfLine(line.Span));
            else _facts.See(route.At);
            if (bucket != None) Write(_files[bucket], process, line.Span);
        }
    }

    private static void Write(FileStream file, int process, ReadOnlySpan<byte> line)
    {
        ReadOnlySpan<int> header = [process, line.Length];
        file.Write(MemoryMarshal.AsBytes(header));
        file.Write(line);
    }

    private IEnumerable<HistoryLine> ReadBucket(FileStream file)
    {
        file.Position = 0;
        byte[] header = new byte[8];
        byte[] line = new byte[4096];
        while (file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) == header.Length)
        {
            int process = BitConverter.ToInt32(header, 0), length = BitConverter.ToInt32(header, 4);
            if (line.Length < length) line = new byte[length];
            file.ReadExactly(line, 0, length);
            yield return new HistoryLine(_processes[process], HistoryJson.OfLine(line.AsSpan(0, length)));
        }
    }
}
