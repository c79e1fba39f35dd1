using Latchwork.Sqlite.Database;
using Latchwork.Sqlite.Notifications;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Timers;

/// <summary>One namespace of timers, as long as a transaction works on it: its clock, its counts, and who listens. A namespace has one partition here.</summary>
/// <remarks>
/// Read at the first use, changed in memory and written once before the commit. It is kept for the next transaction if no other process has
/// written in between.
/// </remarks>
internal sealed class TimerNamespace
{
    /// <summary>The format of the tables' contents that this program works with.</summary>
    public const int Format = 3;

    private readonly StoreClock _clock;
    private readonly TimerPartition _partition;
    private byte[] _savedSchedule;
    private WriteScope? _scope;
    private readonly long[] _tally = new long[CounterRing.Width];
    private CounterRing _counters = new();
    private bool _isDirty;

    private TimerNamespace(TimeProvider time, TimerPartition partition, long id, byte[] wakes)
    {
        (_partition, Id, _savedSchedule) = (partition, id, wakes);
        _clock = new StoreClock(time);
        Wakes = new WakeScheduler(Notify);
        Wakes.Load(wakes);
    }

    /// <summary>The number by which other tables refer to it.</summary>
    public long Id { get; }

    /// <summary>Who listens.</summary>
    public WakeScheduler Wakes { get; }

    /// <summary>While it is being moved elsewhere, and after that: its mark.</summary>
    public TransferMark? Seal { get; private set; }

    /// <summary>While something is moved here, and after that: its mark.</summary>
    public TransferMark? Import { get; private set; }

    /// <summary>Who paused it, and why; null if it is not paused.</summary>
    public TimerPause? Pause { get; private set; }

    /// <summary>The marks of moves, and the pause, which goes with the namespace.</summary>
    public TransferMarks Marks => new(Seal, Import) { Pause = Pause };

    public long Scheduled { get; private set; }

    public long InFlight { get; private set; }

    public long DeadLetters { get; private set; }

    public long DeadLettersEvicted { get; private set; }

    /// <summary>The lines of its history.</summary>
    public long Completed { get; private set; }

    /// <summary>Finds a namespace and checks that this program can work with it.</summary>
    /// <returns>The namespace, or null if it was never used.</returns>
    public static TimerNamespace? Find(WriteScope scope, TimerPartition partition)
    {
        TimerNamespace? found = Find(scope.File, scope.Time, partition);
        if (found is not null) found._scope = scope;
        return found;
    }

    /// <summary>Finds a namespace to read it only.</summary>
    public static TimerNamespace? Find(SqliteFile file, TimeProvider time, TimerPartition partition)
    {
        using Statement row = file[
            """
            SELECT id, format, partitions, seal, clock_last, clock_offset, scheduled, in_flight, dead, dead_trimmed, roster, import, pause, counters, completed
            FROM timer_namespaces WHERE name = ? AND partition = ?
            """].Set(partition.Namespace).Set(partition.Index);
        if (!row.Step()) return null;
        (int format, int partitions) = (row.Int(1), row.Int(2));
        if (format != Format || partitions != 1)
        {
            throw StoreErrors.Refuse(
                $"The timer namespace '{partition.Namespace}' has format {format} and {partitions} partitions; this program works with format {Format} and 1 partition on SQLite. Update this program.");
        }

        var found = new TimerNamespace(time, partition, row.Long(0), row.Bytes(10))
        {
            Seal = TransferMark.Parse(row.TextOrNull(3)),
            Import = TransferMark.Parse(row.TextOrNull(11)),
            Pause = PauseText.Parse(row.TextOrNull(12)),
            Scheduled = row.Long(6),
            InFlight = row.Long(7),
            DeadLetters = row.Long(8),
            DeadLettersEvicted = row.Long(9),
            Completed = row.Long(14),
        };
        found._counters = CounterRing.Load(row.BytesOrNull(13));
        (found._clock.Last, found._clock.Offset) = (row.Long(4), row.Long(5));
        if (found.Pause is not null) found.Wakes.Pause();
        return found;
    }

    /// <summary>Makes a namespace.</summary>
    public static TimerNamespace Create(WriteScope scope, TimerPartition partition)
    {
        scope.File[
            """
            INSERT INTO timer_namespaces (name, partition, format, partitions, clock_last, clock_offset, scheduled, in_flight, dead, dead_trimmed, roster)
            VALUES (?, ?, ?, 1, 0, 0, 0, 0, 0, 0, x'')
            """].Set(partition.Namespace).Set(partition.Index).Set(Format).Run();
        return new TimerNamespace(scope.Time, partition, scope.File.LastKey, []) { _scope = scope };
    }

    /// <summary>The time. Never goes back.</summary>
    public StoreTime Now()
    {
        _isDirty = true;
        return _clock.Now();
    }

    /// <summary>Notes that events changed their state.</summary>
    public void Count(int scheduled = 0, int inFlight = 0, int dead = 0, int evicted = 0, int completed = 0)
    {
        _isDirty = true;
        Scheduled += scheduled;
        InFlight += inFlight;
        DeadLetters += dead;
        DeadLettersEvicted += evicted;
        Completed += completed;
    }

    /// <summary>Counts what happened to events; it is written down before the commit.</summary>
    public void Tally(TimerCounter what, long count = 1)
    {
        _isDirty = true;
        _tally[(int)what] += count;
    }

    public void TallyDeadLetter(DeadLetterReason reason, long count = 1) => Tally(TimerCounter.FirstDeadLetter + (int)reason, count);

    /// <summary>The counters as they stand.</summary>
    public TimerCounters Counters(SqliteFile file)
    {
        if (_counters.IsEmpty) return TimerCounters.Zero;
        var slots = new List<CounterSlot>();
        using (Statement rows = file["SELECT is_hour, number, counts FROM timer_counts WHERE namespace = ?"].Set(Id))
        {
            while (rows.Step()) slots.Add(new CounterSlot(rows.Int(0) != 0, rows.Long(1), CounterRing.Numbers(rows.Bytes(2))));
        }

        return _counters.Read(Now(), slots);
    }

    /// <summary>Adds the counters that came with a move.</summary>
    public void AddCounters(SqliteFile file, TimerCounters counters)
    {
        _counters.Add(counters, Now(), (isHour, number) => Kept(file, isHour, number), slot => Keep(file, slot));
        WriteCounters(file);
    }

    /// <summary>Counts anew: what was counted has been moved away.</summary>
    public void ClearCounters(SqliteFile file)
    {
        _counters = new CounterRing();
        WriteCounters(file);
        file["DELETE FROM timer_counts WHERE namespace = ?"].Set(Id).Run();
    }

    /// <summary>Refuses what would change a namespace that is being moved.</summary>
    public TimerNamespace Unsealed() =>
        Seal is null ? this : throw MaintenanceRules.Refuse(new NamespaceRef(TransferKind.Timers, _partition.Namespace), Seal);

    /// <summary>Notes that it is being moved, or was.</summary>
    public void SetMarks(SqliteFile file, TransferMarks marks)
    {
        file["UPDATE timer_namespaces SET seal = ?, import = ? WHERE id = ?"].Set(marks.Seal?.ToString()).Set(marks.Import?.ToString()).Set(Id).Run();
        (Seal, Import) = (marks.Seal, marks.Import);
        if (marks.Pause != Pause) SetPause(file, marks.Pause);
    }

    /// <summary>Pauses it, or ends its pause. The nodes that may hold events are notified of a pause, and woken for what is due after its end.</summary>
    public void SetPause(SqliteFile file, TimerPause? pause)
    {
        file["UPDATE timer_namespaces SET pause = ? WHERE id = ?"].Set(pause is null ? null : PauseText.Write(pause)).Set(Id).Run();
        Pause = pause;
        if (pause is null)
        {
            Wakes.Resume(new TimerEvents(file, this).Head, Now());
            return;
        }

        Wakes.Pause();
        _isDirty = true;
        foreach (string nodeId in Wakes.Listening)
        {
            _scope!.Notify(NotificationMessage.TopicOf(_partition.Namespace, nodeId), new NotificationMessage(new WakeNotification(WakeNotificationKind.Paused, _partition.Index, TimeSpan.Zero, default)));
        }
    }

    /// <summary>Tells a node that a delivery of its was taken from it.</summary>
    public void Revoke(string nodeId, DeliveryKey delivery) =>
        _scope!.Notify(NotificationMessage.TopicOf(_partition.Namespace, nodeId), new NotificationMessage(new WakeNotification(WakeNotificationKind.Revoked, _partition.Index, TimeSpan.Zero, delivery)));

    /// <summary>Writes down what changed.</summary>
    public void Save(WriteScope scope)
    {
        if (!_isDirty) return;
        bool hasCounted = _tally.AsSpan().ContainsAnyExcept(0);
        if (hasCounted)
        {
            _counters.Count(_tally, new StoreTime(_clock.Last, _clock.Offset), slot => Keep(scope.File, slot));
            Array.Clear(_tally);
        }

        byte[] wakes = Wakes.Save();
        bool sameSchedule = wakes.AsSpan().SequenceEqual(_savedSchedule);
        Statement update = scope.File[
            $"UPDATE timer_namespaces SET clock_last = ?, clock_offset = ?, scheduled = ?, in_flight = ?, dead = ?, dead_trimmed = ?, completed = ?{(sameSchedule ? "" : ", roster = ?")}{(hasCounted ? ", counters = ?" : "")} WHERE id = ?"];
        update.Set(_clock.Last).Set(_clock.Offset).Set(Scheduled).Set(InFlight).Set(DeadLetters).Set(DeadLettersEvicted).Set(Completed);
        if (!sameSchedule) update.Set(wakes);
        if (hasCounted) update.Set(_counters.Save());
        update.Set(Id).Run();
        _savedSchedule = wakes;
        _isDirty = false;
    }

    private void Keep(SqliteFile file, CounterSlot slot) =>
        file["INSERT OR REPLACE INTO timer_counts (namespace, is_hour, place, number, counts) VALUES (?, ?, ?, ?, ?)"]
            .Set(Id).Set(slot.IsHour ? 1 : 0).Set(slot.Number % (slot.IsHour ? CounterRing.Hours : CounterRing.Minutes)).Set(slot.Number)
            .Set(CounterRing.Bytes(slot.Counts)).Run();

    private long[]? Kept(SqliteFile file, bool isHour, long number)
    {
        using Statement row = file["SELECT counts FROM timer_counts WHERE namespace = ? AND is_hour = ? AND place = ? AND number = ?"]
            .Set(Id).Set(isHour ? 1 : 0).Set(number % (isHour ? CounterRing.Hours : CounterRing.Minutes)).Set(number);
        return row.Step() ? CounterRing.Numbers(row.Bytes(0)) : null;
    }

    private void WriteCounters(SqliteFile file) =>
        file["UPDATE timer_namespaces SET counters = ? WHERE id = ?"].Set(_counters.IsEmpty ? null : _counters.Save()).Set(Id).Run();

    private bool Notify(string nodeId, TimeSpan askIn) =>
        _scope!.Notify(NotificationMessage.TopicOf(_partition.Namespace, nodeId), new NotificationMessage(new WakeNotification(WakeNotificationKind.Due, _partition.Index, askIn, default)));
}
