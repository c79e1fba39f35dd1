using Latchwork.StoreConformance.Engine;
using Latchwork.StoreConformance.Transfer;

namespace Latchwork.StoreConformance.Schedules;

/// <summary>The suites of schedules, for stores that keep none yet.</summary>
public static class ScheduleSuites
{
    /// <summary>All of them, with the reason why a store does not run them.</summary>
    public static IReadOnlyDictionary<Type, string> NotYet { get; } = new[]
    {
        typeof(ScheduleRecordSuite), typeof(ScheduleAdvanceSuite), typeof(ScheduleOverlapSuite), typeof(EngineScheduleSuite),
        typeof(TransferScheduleSuite),
    }.ToDictionary(static suite => suite, static _ => "this store keeps no schedules yet: its ITimerStore.Schedules is null");
}
