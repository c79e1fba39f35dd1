using Latchwork.Monitoring;
using Latchwork.Storage;

namespace Latchwork.Dashboard;

/// <summary>The overview, and what was asked for.</summary>
internal sealed record OverviewModel(OverviewPage Page, OverviewQuery Query);

/// <summary>A namespace with the heads of its lists, which hold one more than <paramref name="Limit"/> if there are more.</summary>
internal sealed record NamespaceModel(
    NamespaceView View, IReadOnlyList<TimerSnapshot> Upcoming, IReadOnlyList<TimerSnapshot> InFlight, IReadOnlyList<TimerSnapshot> DeadLetters, IReadOnlyList<TimerSnapshot> Completed, int Limit, DeadLetterReason? Reason);

/// <summary>An event; <paramref name="Snapshot"/> is null if there is none of this id.</summary>
internal sealed record EventModel(string Id, TimerSnapshot? Snapshot);

/// <summary>A schedule and its next times.</summary>
internal sealed record ScheduleModel(ScheduleSnapshot Schedule, IReadOnlyList<DateTimeOffset> Next);

/// <summary>The schedules of a namespace, or the one that was looked for by <paramref name="Id"/>.</summary>
internal sealed record SchedulesModel(IReadOnlyList<ScheduleModel> All, bool IsMore, string? Id);

/// <summary>A key that was looked for, or a page of the listing.</summary>
internal sealed record LocksModel(StoreState Store, IReadOnlyList<string> Namespaces, string Namespace, string? Key, KeySnapshot? Found, LockerPage? Listing);

/// <summary>What is to be confirmed.</summary>
internal sealed record ConfirmModel(DashboardAction Action, ActionRequest Request, long Count, bool IsMore);
