using Latchwork.Storage;

namespace Latchwork.StoreConformance.Timers;

/// <summary>Makes up operations that are likely to meet: few ids, and mostly tokens and deaths that exist.</summary>
public sealed class TimerOperationGenerator(Random random)
{
    private static readonly string[] _ids = ["a", "b", "c", "d", "B", "}x", "\u00e9", "\U0001F600", "\uFFFD"];
    private static readonly string[] _nodes = ["n1", "n2", "n3"];

    private static readonly DeadLetterLimits[] _limits =
        [new(TimeSpan.FromDays(30), 100_000), new(TimeSpan.FromDays(30), 100_000), new(TimeSpan.FromDays(1), 3), new(TimeSpan.FromHours(1), 0)];

    private static readonly CompletedLimits[] _completed =
    [
        CompletedLimits.None, CompletedLimits.None, new(TimeSpan.FromDays(1), 10_000), new(TimeSpan.FromDays(1), 10_000, CompletedOutcome.Delivered), new(TimeSpan.FromSeconds(30), 10_000), new(TimeSpan.FromDays(1), 3),
    ];

    private readonly Dictionary<string, ClaimOperation> _claims = [];
    private int _tokens;

    /// <summary>The next operation, in view of how things stand.</summary>
    public TimerOperation Next(TimerModelRun run) => random.Next(100) switch
    {
        < 20 => new PostOperation([.. Many(5).Select(_ => Post(run))]),
        < 42 => Claim(run.Model),
        < 50 => new ConfirmOperation([.. Many(3).Select(_ => Delivery(run.Model))], Pick(_completed)),
        < 53 => new ExtendOperation([.. Many(3).Select(_ => Delivery(run.Model))], Span(30)),
        < 57 => new ReleaseOperation([.. Many(3).Select(_ => Delivery(run.Model))]),
        < 65 => new FailOperation([.. Many(3).Select(_ => Failure(run.Model))], Pick(_limits)),
        < 69 => new CancelOperation(Pick(_ids), random.Next(2) == 0),
        < 73 => new ChangeDelayOperation(Pick(_ids), Due(run)),
        < 76 => new RequeueOperation([.. Many(3).Select(_ => DeadLetterOf(run))], Due(run)),
        < 78 => new PurgeOperation([.. Many(2).Select(_ => DeadLetterOf(run))]),
        < 80 => new PeekOperation(Pick(_ids)),
        < 83 => new UpcomingOperation(Maybe(Span(5)), Maybe(Span(20)), random.Next(1, 5)),
        < 84 => random.Next(2) == 0 ? new DeadLettersOperation(random.Next(1, 5)) : new CompletedOperation(random.Next(1, 5)),
        < 85 => new StatsOperation(),
        < 86 => new NodesOperation(),
        < 87 => new LeaveOperation(Pick(_nodes)),
        < 88 => new StepBackOperation(random.Next(3) == 0 ? TimeSpan.FromHours(random.Next(1, 48)) : Span(7_200), Claim(run.Model) with { Max = 0, Token = Token() }, Claim(run.Model) with { Token = Token() }),
        < 89 => random.Next(3) == 0 ? new PauseOperation(Pick(_ids), $"why {random.Next(10)}") : new ResumeOperation(),
        < 90 when run.Model.Pause is not null => new ResumeOperation(), // or most of a run would be spent in pauses
        _ => new AdvanceOperation(Passing(run.Model)),
    };

    private ModelPost Post(TimerModelRun run)
    {
        int length = random.Next(40) == 0 ? 400 << 10 : random.Next(6);
        return new ModelPost(Pick(_ids), Due(run), random.Next(3), (IfExists)random.Next(3), (char)('A' + random.Next(26)), length);
    }

    private ClaimOperation Claim(TimerModel model)
    {
        string node = Pick(_nodes);
        int max = random.Next(4) == 0 ? random.Next(3) : random.Next(3, 20);
        int capacity = random.Next(5) == 0 ? max : max + random.Next(20);

        // A claim is repeated as it was, and soon or never: after an hour the store has forgotten it.
        bool repeats = model.Nodes.TryGetValue(node, out ModelNode? last) && model.Now - last.LastSeen < TimeSpan.FromMinutes(30) && random.Next(6) == 0;
        if (repeats && _claims[node].Token == last!.ClaimToken) return _claims[node];
        return _claims[node] = new ClaimOperation(node, Token(), max, capacity, random.Next(100), Span(20), Pick(_limits), Pick(_completed));
    }

    private DeliveryKey Delivery(TimerModel model)
    {
        ModelEvent[] held = [.. model.Events.Where(e => e.State == TimerState.InFlight)];
        if (held.Length == 0 || random.Next(8) == 0) return new DeliveryKey(Pick(_ids), $"t{random.Next(1, _tokens + 2)}");
        ModelEvent e = Pick(held);
        return new DeliveryKey(e.Id, e.Token!);
    }

    private TimerFailure Failure(TimerModel model) =>
        new(Delivery(model), Pick(_nodes), $"error {random.Next(100)}", random.Next(5) == 0 ? null : Span(10), (DeadLetterReason)random.Next(4))
        {
            IsInterruption = random.Next(2) == 0,
        };

    private ModelDeadLetter DeadLetterOf(TimerModelRun run)
    {
        ModelEvent[] dead = [.. run.Model.Events.Where(e => e.State == TimerState.DeadLettered)];
        if (dead.Length == 0 || random.Next(8) == 0) return new ModelDeadLetter(Pick(_ids), null);
        ModelEvent e = Pick(dead);
        TimeSpan deadLetteredAt = run.Model.Show(e.At) - run.At(TimeSpan.Zero);
        return random.Next(4) switch
        {
            0 => new ModelDeadLetter(e.Id, null),
            1 => new ModelDeadLetter(e.Id, deadLetteredAt + TimeSpan.FromMilliseconds(1)),
            _ => new ModelDeadLetter(e.Id, deadLetteredAt),
        };
    }

    private ModelDue Due(TimerModelRun run) => random.Next(4) == 0
        ? new ModelDue(run.Elapsed + Span(10) - TimeSpan.FromSeconds(2), Absolute: true)
        : new ModelDue(Span(20), Absolute: false);

    /// <summary>Time passes: by a little, to the edge of something, or by a lot.</summary>
    private TimeSpan Passing(TimerModel model)
    {
        TimeSpan untilHead = (model.Head ?? model.Now) - model.Now;
        if (untilHead > TimeSpan.Zero && random.Next(3) == 0) return untilHead + TimeSpan.FromMicroseconds(random.Next(-1, 2));
        return random.Next(40) == 0 ? TimeSpan.FromHours(random.Next(1, 48)) : Span(15);
    }

    /// <summary>Zero, microseconds, milliseconds or seconds.</summary>
    private TimeSpan Span(int maxSeconds) => random.Next(8) switch
    {
        0 => TimeSpan.Zero,
        1 => TimeSpan.FromMicroseconds(random.Next(1, 3_000)),
        2 => TimeSpan.FromMilliseconds(random.Next(1, 300)),
        3 or 4 => TimeSpan.FromMilliseconds(10 * random.Next(0, 6)),
        _ => TimeSpan.FromMilliseconds(random.Next(0, maxSeconds * 1_000)),
    };

    private TimeSpan? Maybe(TimeSpan span) => random.Next(2) == 0 ? null : span;

    private IEnumerable<int> Many(int most) => Enumerable.Range(0, random.Next(2) == 0 ? 1 : random.Next(1, most + 1));

    private T Pick<T>(T[] items) => items[random.Next(items.Length)];

    private string Token() => $"t{++_tokens}";
}
