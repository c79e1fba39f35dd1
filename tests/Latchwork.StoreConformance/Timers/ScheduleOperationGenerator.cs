using Latchwork.Storage;

namespace Latchwork.StoreConformance.Timers;

/// <summary>Makes up what nodes and people do with two schedules: few ids, and steps that are likely to meet.</summary>
public sealed class ScheduleOperationGenerator(Random random)
{
    private static readonly string[] _ids = ["a", "\u00e9"];
    private static readonly string[] _nodes = ["n1", "n2"];
    private static readonly CompletedLimits _completed = new(TimeSpan.FromDays(1), Limits.MaxCompleted);
    private static readonly DeadLetterLimits _limits = new(TimeSpan.FromDays(30), 100_000);
    private int _names;

    /// <summary>The next operation, in view of how things stand.</summary>
    public TimerOperation Next(TimerModelRun run)
    {
        TimerOperation next = NextOf(run.Model);
        if (next is not (DeclareOperation or PauseScheduleOperation or CancelOccurrenceOperation or CallTriggerOperation) || random.Next(2) == 0) return next;
        var between = new List<TimerOperation>();
        for (int count = random.Next(1, 4); between.Count < count;)
        {
            // When time passes in between, the call is neither before nor after it.
            if (NextOf(run.Model) is not AdvanceOperation and var other) between.Add(other);
        }

        return new MetOperation(next, between);
    }

    private TimerOperation NextOf(TimerModel model)
    {
        ModelEvent[] held = [.. model.Events.Where(e => e.State == TimerState.InFlight)];
        ModelEvent[] waiting = [.. held.Where(e => model.Schedules.HasNotBegun(e.Id))], begun = [.. held.Except(waiting)];
        return random.Next(100) switch
        {
            < 8 => Declare(model),
            < 10 => new RemoveScheduleOperation(Pick(_ids)),
            < 12 => new PauseScheduleOperation(Pick(_ids), IsPaused: true),
            < 17 => new PauseScheduleOperation(Pick(_ids), IsPaused: false),
            < 20 => new TriggerOperation(Pick(_ids), $"t{++_names}"),
            < 22 => new CallTriggerOperation(Pick(_ids)),
            < 28 when held.Length > 0 => new ReadScheduleOperation(Pick(held).Id),
            < 46 when held.Length > 0 => Begin(Pick(waiting.Length > 0 && random.Next(4) > 0 ? waiting : held)),
            < 62 when begun.Length > 0 => Settle(Pick(begun)),
            < 66 when held.Length > 0 => Hold(Pick(held)),
            < 70 when model.Events.Any() => new CancelOccurrenceOperation(Pick([.. model.Events]).Id, random.Next(2) == 0),
            < 73 when model.InOrder(TimerState.DeadLettered).Any() => new RequeueOperation(
                [new ModelDeadLetter(Pick([.. model.InOrder(TimerState.DeadLettered)]).Id, null)], new ModelDue(Seconds(5), Absolute: false)),
            < 86 => new ClaimOperation(Pick(_nodes), $"c{++_names}", random.Next(1, 5), 10, 0, TimeSpan.FromSeconds(random.Next(2, 40)), _limits, CompletedLimits.None),
            _ => new AdvanceOperation(Passing(model)),
        };
    }

    private DeclareOperation Declare(TimerModel model)
    {
        string id = Pick(_ids);
        if (model.Schedules.Find(id)?.Declaration is { } stored)
        {
            switch (random.Next(4))
            {
                case 0:
                    return new DeclareOperation(id, stored);
                case 1:
                    return new DeclareOperation(id, stored with { Content = (char)('A' + random.Next(26)) });
                default:
                    break;
            }
        }

        return new DeclareOperation(id, new ModelDeclaration(
            Pick([10, 15, 60]), random.Next(3), (MisfirePolicy)random.Next(3), (OverlapPolicy)random.Next(3), random.Next(3), Pick([0, 0, 7]), (char)('A' + random.Next(26))));
    }

    private BeginOperation Begin(ModelEvent e) => new(
        new DeliveryKey(e.Id, random.Next(12) == 0 ? "stale" : e.Token!), e.NodeId!);

    private TimerOperation Settle(ModelEvent e)
    {
        var key = new DeliveryKey(e.Id, e.Token!);
        return random.Next(5) switch
        {
            < 3 => new ConfirmOperation([key], _completed),
            _ => new FailOperation(
                [new TimerFailure(key, e.NodeId!, "error", random.Next(4) == 0 ? null : Seconds(20), DeadLetterReason.RetriesExhausted) { IsInterruption = random.Next(5) == 0 }], _limits),
        };
    }

    private TimerOperation Hold(ModelEvent e)
    {
        var key = new DeliveryKey(e.Id, e.Token!);
        return random.Next(2) == 0 ? new ReleaseOperation([key]) : new ExtendOperation([key], Seconds(60));
    }

    /// <summary>Time passes: to the next event or lease, by a little, or by so much that times are missed.</summary>
    private TimeSpan Passing(TimerModel model)
    {
        TimeSpan untilHead = (model.Head ?? model.Now) - model.Now;
        return random.Next(6) switch
        {
            < 3 when untilHead > TimeSpan.Zero => untilHead + TimeSpan.FromMilliseconds(random.Next(0, 2)),
            5 => Seconds(240),
            _ => Seconds(12),
        };
    }

    private TimeSpan Seconds(int most) => TimeSpan.FromMilliseconds(random.Next(0, most * 1_000));

    private T Pick<T>(T[] items) => items[random.Next(items.Length)];
}
