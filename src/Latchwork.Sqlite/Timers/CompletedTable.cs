using Latchwork.Sqlite.Database;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Timers;

/// <summary>The history of a namespace in its table.</summary>
internal readonly struct CompletedTable(SqliteFile file, TimerNamespace ns)
{
    private const string Columns = "id, due, claimed, completed, node, retries, max_retries, outcome";

    public CompletedEvent? Find(string id)
    {
        using Statement row = file[$"SELECT {Columns} FROM completed WHERE namespace = ? AND id = ?"].Set(ns.Id).Set(id);
        return row.Step() ? Read(row) : null;
    }

    /// <summary>A page of lines, the last first.</summary>
    public CompletedPage Page(string? cursor, int limit)
    {
        TimedId before = CompletedRules.Before(cursor);
        var lines = new List<CompletedEvent>();
        using Statement rows = file[$"SELECT {Columns} FROM completed WHERE namespace = ? AND (completed, id) < (?, ?) ORDER BY completed DESC, id DESC LIMIT ?"]
            .Set(ns.Id).Set(before.At).Set(before.Id).Set(limit + 1);
        while (rows.Step()) lines.Add(Read(rows));
        return CompletedRules.Page(lines, limit);
    }

    /// <summary>Takes in a line that comes from elsewhere, unless there is one of the same id that was completed later.</summary>
    public void Import(CompletedEvent line)
    {
        if (!(Find(line.Id)?.CompletedAt > line.CompletedAt)) Replace(line);
    }

    /// <summary>Writes a line, whatever there was of the same id: the machine's clock may have been put back since.</summary>
    public void Replace(CompletedEvent line)
    {
        file["UPDATE completed SET due = ?, claimed = ?, completed = ?, node = ?, retries = ?, max_retries = ?, outcome = ? WHERE namespace = ? AND id = ?"]
            .Set(Milliseconds(line.Due)).Set(Milliseconds(line.ClaimedAt)).Set(Milliseconds(line.CompletedAt)).Set(line.NodeId).Set(line.Retries).Set(line.MaxRetries)
            .Set((int)line.Outcome).Set(ns.Id).Set(line.Id).Run();
        if (file.Changes > 0) return;
        file[$"INSERT INTO completed ({Columns}, namespace) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"]
            .Set(line.Id).Set(Milliseconds(line.Due)).Set(Milliseconds(line.ClaimedAt)).Set(Milliseconds(line.CompletedAt)).Set(line.NodeId).Set(line.Retries).Set(line.MaxRetries)
            .Set((int)line.Outcome).Set(ns.Id).Run();
        ns.Count(completed: 1);
    }

    /// <summary>Deletes the oldest beyond the limits. What one operation leaves over, the next takes.</summary>
    public void Trim(CompletedLimits limits, StoreTime now)
    {
        if (limits.Keeps && ns.Completed > 0) Trim(CompletedTrim.Of(limits, ns.Completed, now));
    }

    public void Trim(CompletedTrim trim)
    {
        var going = new List<string>();
        if (trim.MostToCome > 0)
        {
            using Statement rows = file["SELECT id FROM completed WHERE namespace = ? AND completed > ? ORDER BY completed, id LIMIT ?"].Set(ns.Id).Set(trim.Now).Set(trim.MostToCome);
            while (rows.Step()) going.Add(rows.Text(0));
        }

        trim = trim with { TooMany = trim.TooMany - going.Count };
        int older = 0;
        using (Statement rows = file["SELECT id, completed FROM completed WHERE namespace = ? ORDER BY completed, id LIMIT ?"].Set(ns.Id).Set(CompletedTrim.MaxLines))
        {
            for (; rows.Step() && trim.Takes(older, rows.Long(1)); older++) going.Add(rows.Text(0));
        }

        foreach (string id in going) file["DELETE FROM completed WHERE namespace = ? AND id = ?"].Set(ns.Id).Set(id).Run();
        if (going.Count > 0) ns.Count(completed: -going.Count);
    }

    /// <summary>Deletes all of it: it has been moved away.</summary>
    public void Clear()
    {
        file["DELETE FROM completed WHERE namespace = ?"].Set(ns.Id).Run();
        ns.Count(completed: (int)-ns.Completed);
    }

    private static CompletedEvent Read(Statement row) => new(
        row.Text(0), Time(row.Long(1)), Time(row.Long(2)), Time(row.Long(3)), row.Text(4), row.Int(5), row.Int(6), (CompletedOutcome)row.Int(7));

    private static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    private static long Milliseconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds();
}
