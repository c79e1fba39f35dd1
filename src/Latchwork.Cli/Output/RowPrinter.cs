using System.Text;

namespace Latchwork.Cli.Output;

/// <summary>A column of a listing.</summary>
/// <param name="Header">Its name.</param>
/// <param name="Right">Whether its cells end at the same column, as numbers do.</param>
internal readonly record struct Column(string Header, bool Right = false);

/// <summary>
/// Prints a listing in aligned columns, for any number of rows: the first rows decide the widths, and everything after them streams.
/// </summary>
internal sealed class RowPrinter
{
    private const int Sampled = 200;
    private const string Gap = "  ";

    private readonly Printer _printer;
    private readonly Column[] _columns;
    private readonly int[] _widths;
    private List<string[]>? _first = [];

    public RowPrinter(Printer printer, params Column[] columns)
    {
        _printer = printer;
        _columns = columns;
        _widths = [.. columns.Select(c => c.Header.Length)];
    }

    /// <summary>Adds a row with a cell for every column.</summary>
    public void Add(params string[] cells)
    {
        if (_first is null)
        {
            Print(cells);
            return;
        }

        _first.Add(cells);
        for (int i = 0; i < cells.Length; i++) _widths[i] = Math.Max(_widths[i], cells[i].Length);
        if (_first.Count == Sampled) Flush();
    }

    /// <summary>Prints what waits for its widths. Without any row, prints <paramref name="ifEmpty"/>.</summary>
    public void Flush(string? ifEmpty = null)
    {
        if (_first is not { } rows) return;
        _first = null;
        if (rows.Count == 0)
        {
            if (ifEmpty is not null) _printer.Text(ifEmpty);
            return;
        }

        Print([.. _columns.Select(c => c.Header)]);
        foreach (string[] row in rows) Print(row);
    }

    private void Print(string[] cells)
    {
        var line = new StringBuilder();
        for (int i = 0; i < cells.Length; i++)
        {
            if (i > 0) line.Append(Gap);
            bool last = i == cells.Length - 1;
            if (_columns[i].Right) line.Append(cells[i].PadLeft(_widths[i]));
            else line.Append(last ? cells[i] : cells[i].PadRight(_widths[i]));
        }

        // On a terminal a row stays a row; in a file or pipe nothing is cut.
        if (_printer.IsInteractive && line.Length > _printer.Width)
        {
            line.Length = _printer.Width - 1;
            line.Append('…');
        }

        _printer.Text(line.ToString());
    }
}
