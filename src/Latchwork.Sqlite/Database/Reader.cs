namespace Latchwork.Sqlite.Database;

/// <summary>The thread of a store that only reads. Each operation sees the database at one moment, and stops no writer.</summary>
internal sealed class Reader : WorkThread<SqliteFile>
{
    private readonly SqliteFile _file;
    private readonly StoreErrors _errors;

    public Reader(SqliteFile file, StoreErrors errors, SqliteSettings settings)
        : base("Latchwork SQLite reader", settings.MaxQueued)
    {
        _file = file;
        _errors = errors;
        file.SetBusyTimeout(settings.BusyTimeout); // readers wait only for the recovery after a crash
        Thread.UnsafeStart();
    }

    protected override void Process(IReadOnlyList<IWorkItem<SqliteFile>> items)
    {
        foreach (IWorkItem<SqliteFile> item in items)
        {
            if (!item.IsAbandoned) Process(item);
        }
    }

    protected override void Release() => _file.Dispose();

    private void Process(IWorkItem<SqliteFile> item)
    {
        try
        {
            _file["BEGIN"].Run();
            item.Execute(_file);
            _file["COMMIT"].Run();
        }
#pragma warning disable CA1031 // whatever it was, those who wait must be notified, and the thread must continue
        catch (Exception e)
#pragma warning restore CA1031
        {
            if (_file.InTransaction) _file["ROLLBACK"].TryRun(); // nothing was written: there is nothing to undo that could fail to be
            item.Fail(_errors.Explain(e, committing: false));
            return;
        }

        item.Succeed();
    }
}
