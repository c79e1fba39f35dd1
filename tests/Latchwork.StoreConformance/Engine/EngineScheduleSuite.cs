using Latchwork.StoreConformance.Support;
using Latchwork.Testing;

namespace Latchwork.StoreConformance.Engine;

/// <summary>Recurring schedules as nodes see them: declared by many, run by one, changed and disturbed at any moment.</summary>
public abstract partial class EngineScheduleSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    private const string Id = "nightly";

    private ManualTimeProvider _clock = null!;

    /// <summary>15:10 on the day of the clock, which begins at 15:09:26.535: the first minute of a schedule of minutes.</summary>
    private static readonly DateTimeOffset _first = new(2026, 3, 14, 15, 10, 0, TimeSpan.Zero);

    private static readonly Schedule _minutes = Schedule.Cron("* * * * *");

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        _clock = await StopTimeAsync();
    }

    /// <summary>The id of the occurrence of the nth minute.</summary>
    private static string IdAt(int n) => ScheduleDeclaration.OccurrenceOf(Id, _first.AddMinutes(n));

    private static string At(int n) => ScheduleDeclaration.Show(_first.AddMinutes(n));

    /// <summary>Moves the clock to a minute, unless it is there.</summary>
    private Task MoveToAsync(int minute, double seconds = 0) => AdvanceAsync(_first.AddMinutes(minute) + Seconds(seconds) - _clock.GetUtcNow());

    /// <summary>A timer of this namespace whose calls know no faults.</summary>
    private DistributedTimer Undisturbed() => new(Store.Inner, new TimerOptions { Namespace = Namespace, MaxRetries = 0, TimeProvider = _clock });

    private Task ComesAsync(Func<bool> condition, string what) => AdvanceUntilAsync(condition, Ms(10), what);

    private async Task<T> ReadsAsync<T>(Func<Task<T>> read, Func<T, bool> wanted, string what)
    {
        T? last = default;
        await AdvanceUntilAsync(async () => wanted(last = await read()), Ms(10), what);
        return last!;
    }

    /// <summary>Waits for the nth delivery of a node.</summary>
    private async Task<TimerDelivery> NthAsync(Node node, int n)
    {
        await ComesAsync(() => node.Got.Count >= n, $"delivery {n} of {node.Timer.NodeId}");
        return node.Got.ElementAt(n - 1);
    }

    /// <summary>Waits until nothing is in flight, nothing is due, and no call to the store is under way: what ended is noted then.</summary>
    private Task RestsAsync(DistributedTimer timer) => ReadsAsync(
        () => Faults.WhileQuietAsync(() => timer.GetStatsAsync()), stats => stats is { InFlight: 0, OldestOverdue: null }, "nothing in flight and nothing due");
}
