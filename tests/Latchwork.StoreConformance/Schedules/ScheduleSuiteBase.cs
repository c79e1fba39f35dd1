using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.StoreConformance.Timers;
using Shouldly;

namespace Latchwork.StoreConformance.Schedules;

/// <summary>What the suites of schedules share: records whose bodies are of no interest to the store, and occurrences a minute apart.</summary>
public abstract class ScheduleSuiteBase(StoreFixture fixture) : TimerSuite(fixture)
{
    protected const string Nightly = "nightly";

    protected static readonly byte[] Body = Bytes("declared");

    protected IScheduleStore Schedules => Timers.Schedules.ShouldNotBeNull();

    /// <summary>When the test began, in whole minutes.</summary>
    protected DateTimeOffset Start { get; private set; }

    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        DateTimeOffset now = (await Schedules.ReadAsync(Partition, [Nightly], CancellationToken.None)).Now;
        Start = new DateTimeOffset(now.Ticks - now.Ticks % TimeSpan.TicksPerMinute, TimeSpan.Zero);
    }

    /// <summary>The nth minute after the start.</summary>
    protected DateTimeOffset Minute(int n) => Start + TimeSpan.FromMinutes(n);

    protected string IdAt(int minute, string schedule = Nightly) => ScheduleDeclaration.OccurrenceOf(schedule, Minute(minute));

    protected TimerEntry OccurrenceAt(int minute, string schedule = Nightly, int maxRetries = 0, string payload = "{}") =>
        new(IdAt(minute, schedule), Due.At(Minute(minute)), Bytes(payload), maxRetries, IfExists.Replace, new Dictionary<string, string> { ["for"] = $"{minute}" }, IdIsNew: false);

    protected async Task<ScheduleRecord?> RecordAsync(string schedule = Nightly) =>
        (await Schedules.ReadAsync(Partition, [schedule], CancellationToken.None)).Records.Single();

    /// <summary>Makes a schedule whose first occurrence is at a minute.</summary>
    protected async Task<ScheduleRecord> CreateAsync(int minute, string schedule = Nightly, int maxRetries = 0)
    {
        ScheduleWritten written = await WriteAsync(new ScheduleWrite(schedule, null, $"in-{schedule}", Body, false, OccurrenceAt(minute, schedule, maxRetries)));
        written.Outcome.ShouldBe(ScheduleWriteOutcome.Written);
        return written.Record.ShouldNotBeNull();
    }

    protected Task<ScheduleWritten> WriteAsync(ScheduleWrite write) => Schedules.WriteAsync(Partition, write, CancellationToken.None);

    /// <summary>Moves the clock to a minute, and half a second beyond it.</summary>
    protected void MoveTo(int minute)
    {
        TimeSpan left = Minute(minute) + Ms(500) - Clock.GetUtcNow();
        if (left > TimeSpan.Zero) Clock.Advance(left);
    }

    /// <summary>Claims the occurrence at a minute.</summary>
    protected async Task<DeliveryKey> ClaimAtAsync(int minute, string schedule = Nightly, string node = "n1")
    {
        MoveTo(minute);
        return await TakeAsync(IdAt(minute, schedule), node);
    }

    /// <summary>An advance that runs the occurrence and expects the one at another minute.</summary>
    protected OccurrenceAdvance RunOf(DeliveryKey key, ScheduleRecord record, int at, int? next, OverlapPolicy overlap = OverlapPolicy.Skip, int maxRetries = 0) => new(
        key, "n1", record.Version, true, overlap, default, Minute(at), null, 0, Minute(at), next is { } minute ? OccurrenceAt(minute, record.Id, maxRetries) : null);

    protected async Task<AdvanceAnswer> AdvanceAsync(OccurrenceAdvance advance) => (await Schedules.AdvanceAsync(Partition, [advance], CancellationToken.None)).Single();

    /// <summary>Claims the occurrence at a minute and advances to the next minute.</summary>
    protected async Task<(DeliveryKey Key, AdvanceOutcome Outcome)> BeginAsync(int minute, OverlapPolicy overlap = OverlapPolicy.Skip, int maxRetries = 0)
    {
        DeliveryKey key = await ClaimAtAsync(minute);
        AdvanceAnswer answer = await AdvanceAsync(RunOf(key, (await RecordAsync()).ShouldNotBeNull(), minute, minute + 1, overlap, maxRetries));
        return (key, answer.Outcome);
    }

    /// <summary>Begins the occurrence at a minute under a lease that lasts for the rest of the test.</summary>
    protected async Task<DeliveryKey> BeginHeldAsync(int minute, OverlapPolicy overlap = OverlapPolicy.Skip)
    {
        (DeliveryKey key, AdvanceOutcome outcome) = await BeginAsync(minute, overlap);
        outcome.ShouldBe(AdvanceOutcome.Run);
        (await ExtendAsync(key, TimeSpan.FromHours(1))).ShouldBe(TimerOutcome.Done);
        return key;
    }

    protected Task<TriggerAnswer> TriggerAsync(ScheduleRecord record, string name, OverlapPolicy overlap = OverlapPolicy.Skip)
    {
        var entry = new TimerEntry($"{record.Id}\u001F+{name}", Due.In(TimeSpan.Zero), Bytes("{}"), 0, IfExists.Replace, null, IdIsNew: false);
        return Schedules.TriggerAsync(Partition, new OccurrenceTrigger(record.Id, record.Version, overlap, Minute(0), entry), CancellationToken.None);
    }
}
