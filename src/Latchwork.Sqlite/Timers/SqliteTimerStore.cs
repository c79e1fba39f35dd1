using Latchwork.Sqlite.Database;
using Latchwork.Sqlite.Notifications;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Sqlite.Timers;

/// <summary>Timers on SQLite. Every operation is (a part of) one transaction; a namespace has one partition, as there is one writer at a time anyway.</summary>
internal sealed partial class SqliteTimerStore(Writer writer, Reader reader, NotificationExchange notifications, TimeProvider time) : ITimerStore
{
    public IScheduleStore Schedules { get; } = new SqliteScheduleStore(writer, reader, time);

    public Task<int> OpenAsync(string ns, CancellationToken cancellationToken) =>
        writer.RunAsync(
            scope =>
            {
                scope.Namespace(new TimerPartition(ns, 0)).Unsealed();
                return 1;
            },
            isDurable: false,
            cancellationToken);

    public Task<int?> FindAsync(string ns, CancellationToken cancellationToken) =>
        Look<int?>(new TimerPartition(ns, 0), null, static (_, _) => 1, cancellationToken);

    public Task<IReadOnlyList<string>> NamespacesAsync(CancellationToken cancellationToken) =>
        reader.RunAsync<IReadOnlyList<string>>(
            static file =>
            {
                var names = new List<string>();
                using Statement rows = file["SELECT DISTINCT name FROM timer_namespaces"];
                while (rows.Step()) names.Add(rows.Text(0));
                names.Sort(StringComparer.Ordinal);
                return names;
            },
            isDurable: false,
            cancellationToken);

    public Task<IReadOnlyList<TimerNode>> GetNodesAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        Look<IReadOnlyList<TimerNode>>(partition, [], static (_, ns) => ns.Wakes.List(ns.Now()), cancellationToken);

    public Task<TimerStats> GetStatsAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        Look(
            partition,
            new TimerStats(0, 0, 0, 0, null),
            static (file, ns) =>
            {
                StoreTime now = ns.Now();
                TimeSpan? overdue = new TimerEvents(file, ns).OldestDue(now) is { } due ? now.Since(due) : null;
                return new TimerStats(ns.Scheduled, ns.InFlight, ns.DeadLetters, ns.DeadLettersEvicted, overdue) { Pause = ns.Pause, Counters = ns.Counters(file) };
            },
            cancellationToken);

    public Task<TimerPause> PauseAsync(TimerPartition partition, PauseRequest request, CancellationToken cancellationToken) =>
        Change(
            partition,
            isDurable: true,
            (file, ns) =>
            {
                if (ns.Pause is { } before && request.Since is null) return before;
                TimerPause pause = request.ToPause(ns.Now());
                ns.SetPause(file, pause);
                return pause;
            },
            cancellationToken);

    public Task<TimerPause?> ResumeAsync(TimerPartition partition, CancellationToken cancellationToken) =>
        Change(
            partition,
            isDurable: true,
            static (file, ns) =>
            {
                TimerPause? ended = ns.Pause;
                if (ended is not null) ns.SetPause(file, null);
                return ended;
            },
            cancellationToken);

    public Task<IAsyncDisposable> SubscribeAsync(string ns, string nodeId, Action<WakeNotification> notify, CancellationToken cancellationToken) =>
        notifications.SubscribeAsync(NotificationMessage.TopicOf(ns, nodeId), message => notify(message.Notification), cancellationToken);

    public Task LeaveAsync(TimerPartition partition, string nodeId, CancellationToken cancellationToken) =>
        Change(
            partition,
            isDurable: false,
            (file, ns) =>
            {
                ns.Wakes.Leave(nodeId, new TimerEvents(file, ns).Head, ns.Now());
                return true;
            },
            cancellationToken);

    /// <summary>Does something that changes a namespace.</summary>
    private Task<T> Change<T>(TimerPartition partition, bool isDurable, Func<SqliteFile, TimerNamespace, T> body, CancellationToken cancellationToken) =>
        writer.RunAsync(scope => body(scope.File, scope.Namespace(partition).Unsealed()), isDurable, cancellationToken);

    /// <summary>Looks at a namespace.</summary>
    private Task<T> Look<T>(TimerPartition partition, T nothing, Func<SqliteFile, TimerNamespace, T> body, CancellationToken cancellationToken) =>
        reader.RunAsync(
            file => TimerNamespace.Find(file, time, partition) is { } ns ? body(file, ns.Unsealed()) : nothing,
            isDurable: false,
            cancellationToken);

    /// <summary>Wakes listeners for what became due earlier; <see cref="long.MaxValue"/> if nothing did.</summary>
    private static void Wake(TimerNamespace ns, long earliest, StoreTime now)
    {
        if (earliest != long.MaxValue) ns.Wakes.Wake(earliest, now);
    }
}
