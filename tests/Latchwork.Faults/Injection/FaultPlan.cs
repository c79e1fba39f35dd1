namespace Latchwork.Faults.Injection;

/// <summary>
/// The faults of a run, made from a seed and nothing else, so that the same seed gives the same plan. Two lanes hurt workers, one the server;
/// within a lane one fault follows the other, between them they overlap as it comes.
/// </summary>
public static class FaultPlan
{
    /// <summary>Before this nothing is hurt, so that all processes are at work.</summary>
    public static readonly TimeSpan Start = TimeSpan.FromSeconds(1);

    private static readonly FaultKind[] _onWorkers =
    [
        FaultKind.Kill, FaultKind.Stop, FaultKind.Terminate, FaultKind.Callbacks, FaultKind.Clock, FaultKind.Stall, FaultKind.Cut, FaultKind.Throttle,
        FaultKind.DropNotifications,
    ];

    /// <summary>Whether a fault is done to a worker; else it is done to the store.</summary>
    public static bool IsOnWorker(FaultKind kind) => _onWorkers.Contains(kind);

    /// <summary>Makes a plan.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="length">How long the run lasts. All faults end before.</param>
    /// <param name="kinds">What may happen.</param>
    /// <param name="workers">How many workers there are.</param>
    public static IReadOnlyList<PlannedFault> Make(int seed, TimeSpan length, IReadOnlyCollection<FaultKind> kinds, int workers)
    {
        FaultKind[] onWorkers = [.. _onWorkers.Where(kinds.Contains)];
        FaultKind[] onServer = [.. Enum.GetValues<FaultKind>().Where(kind => kinds.Contains(kind) && !_onWorkers.Contains(kind))];
        var plan = new List<PlannedFault>();
        for (int client = 0; client < 2; client++)
        {
            // A worker belongs to one lane: two faults at once never fight over one process.
            int[] targets = [.. Enumerable.Range(0, workers).Where(worker => worker % 2 == client)];
            if (targets.Length > 0) Fill(plan, new Random(HashCode(seed, client)), length, onWorkers, targets, gap: 1.0);
        }

        Fill(plan, new Random(HashCode(seed, 2)), length, onServer, [.. Enumerable.Range(0, 64)], gap: 3.0);
        return [.. plan.OrderBy(fault => fault.At)];
    }

    // Not System.HashCode, which is another one in each process.
    private static int HashCode(int seed, int client) => unchecked((seed * 486187739) + (client * 7919) + 17);

    private static void Fill(List<PlannedFault> plan, Random random, TimeSpan length, FaultKind[] kinds, int[] targets, double gap)
    {
        if (kinds.Length == 0) return;
        var bag = new Queue<FaultKind>();
        Dictionary<FaultKind, int> variants = kinds.ToDictionary(kind => kind, _ => random.Next(1000));
        TimeSpan at = Start + Seconds(random, 0, gap);
        while (true)
        {
            // Shuffled bags, so that a short run meets as many kinds as it can.
            if (bag.Count == 0)
            {
                random.Shuffle(kinds);
                foreach (FaultKind kind in kinds) bag.Enqueue(kind);
            }

            FaultKind next = bag.Dequeue();
            (double from, double to) = LengthOf(next);
            TimeSpan duration = Seconds(random, from, to);
            var fault = new PlannedFault(at, duration, next, targets[random.Next(targets.Length)], variants[next]++); // in turn, so that all are met
            if (at + duration > length)
            {
                // The last one is shortened rather than left out, if anything of it remains.
                if (length - at < Start / 4) return;
                fault = fault with { Duration = length - at };
            }

            plan.Add(fault);
            at += fault.Duration + Seconds(random, 0.2, gap * 2);
        }
    }

    // Most can last longer than a lease (1 to 2 s) and than a command may take (2 s).
    private static (double From, double To) LengthOf(FaultKind kind) => kind switch
    {
        FaultKind.Kill => (0.1, 2),
        FaultKind.Stop => (0.2, 5),
        FaultKind.Terminate => (0.1, 2),
        FaultKind.Callbacks => (2, 8),
        FaultKind.Clock => (3, 10),
        FaultKind.Stall or FaultKind.Cut => (0.3, 5),
        FaultKind.Throttle or FaultKind.DropNotifications => (2, 8),
        FaultKind.Connections or FaultKind.Flush or FaultKind.Reshard or FaultKind.Damage or FaultKind.Burst or FaultKind.Empty => (0, 0),
        FaultKind.Restart => (0.1, 3),
        FaultKind.Freeze => (0.2, 4),
        FaultKind.Failover => (1, 3),
        FaultKind.Memory => (1, 4),
        FaultKind.Disk => (1, 4),
        FaultKind.Busy => (0.2, 3),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    private static TimeSpan Seconds(Random random, double from, double to) => TimeSpan.FromMilliseconds(Math.Round(1000 * (from + (random.NextDouble() * (to - from)))));
}
