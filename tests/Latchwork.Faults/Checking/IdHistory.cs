using System.Globalization;
using System.Text;
using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking;

/// <summary>An operation of one id: its start, and its end if it was seen.</summary>
/// <param name="Process">Who asked.</param>
/// <param name="Start">Its start.</param>
/// <param name="End">Its end; null if its process died or the history ended before.</param>
internal sealed record Operation(string Process, OperationStarted Start, OperationEnded? End)
{
    public Verb Verb => Start.Verb;

    public long From => Start.At;

    /// <summary>Until when it was under way; forever if its end was not seen.</summary>
    public long To => End?.At ?? long.MaxValue;

    /// <summary>Whether it was answered, so that it has taken effect (in some way) by its end.</summary>
    public bool IsAnswered => End?.Ending == Ending.Answered;

    /// <summary>Whether it is known to have changed nothing.</summary>
    public bool IsRefused => End?.Ending == Ending.Refused;

    public string? Outcome => End?.Outcome;
}

/// <summary>All that the history says about one event id or key.</summary>
internal sealed class IdHistory(string ns, string id)
{
    private List<HistoryLine> _lines = [];

    public string Ns { get; } = ns;

    public string Id { get; } = id;

    /// <summary>Its lines in the order of time.</summary>
    public IReadOnlyList<HistoryLine> Lines => _lines;

    /// <summary>Its operations in the order of their starts.</summary>
    public List<Operation> Operations { get; } = [];

    public void Add(HistoryLine line) => _lines.Add(line);

    /// <summary>All lines are here: sorts them and joins starts and ends.</summary>
    /// <exception cref="InvalidDataException">Two operations of a process have one number.</exception>
    public void Complete()
    {
        // Of the same moment: starts before ends (they may have overlapped, and nothing is claimed that was not so), else as they were written.
        _lines = [.. _lines.OrderBy(line => line.Entry.At).ThenBy(line => line.Entry is OperationEnded)];

        var open = new Dictionary<(string, long), int>();
        foreach ((string process, HistoryEntry entry) in _lines)
        {
            if (entry is OperationStarted start)
            {
                if (!open.TryAdd((process, start.Op), Operations.Count)) throw new InvalidDataException($"'{process}' began operation {start.Op} twice.");
                Operations.Add(new Operation(process, start, null));
            }
            else if (entry is OperationEnded end && open.TryGetValue((process, end.Op), out int index))
            {
                Operations[index] = Operations[index] with { End = end };
            }
        }
    }

    /// <summary>The lines around a moment, for people.</summary>
    /// <param name="at">The moment.</param>
    /// <param name="begin">From where times are counted.</param>
    public IReadOnlyList<string> Excerpt(long at, long begin)
    {
        int index = _lines.FindIndex(line => line.Entry.At >= at);
        if (index < 0) index = _lines.Count - 1;
        int first = Math.Max(0, index - 24), last = Math.Min(_lines.Count - 1, index + 8);
        var lines = new List<string>();
        if (first > 0) lines.Add($"({first} lines before)");
        for (int i = first; i <= last; i++)
        {
            (string process, HistoryEntry entry) = _lines[i];
            string mark = entry.At == at ? ">" : " ";
            string time = ((entry.At - begin) / 1e6).ToString("F6", CultureInfo.InvariantCulture);
            lines.Add($"{mark}{time} {process} {Encoding.UTF8.GetString(HistoryJson.ToLine(entry)).TrimEnd()}");
        }

        if (last < _lines.Count - 1) lines.Add($"({_lines.Count - 1 - last} lines after)");
        return lines;
    }
}
