using Latchwork.StoreConformance.Timers;

namespace Latchwork.Faults.Work;

/// <summary>A schedule of the run: one for each pair of policies. Some are triggered beside their chain, too.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Declaration">How it is declared, but for its payload.</param>
/// <param name="IsTriggered">Whether it is triggered.</param>
internal sealed record RunSchedule(string Id, ModelDeclaration Declaration, bool IsTriggered)
{
    /// <summary>The intervals between which changes of its expression go to and fro, in seconds.</summary>
    public int[] Intervals => Declaration.Seconds == 1 ? [1, 2] : [5, 3];

    public static IReadOnlyList<RunSchedule> All { get; } =
    [
        .. from misfire in Enum.GetValues<MisfirePolicy>()
           from overlap in Enum.GetValues<OverlapPolicy>()
           from seconds in (int[])[1, 5]
           select new RunSchedule($"{misfire}-{overlap}-{seconds}", new ModelDeclaration(seconds, 0, misfire, overlap, 2, 0, 'x'), IsTriggered: seconds == 1),
    ];
}
