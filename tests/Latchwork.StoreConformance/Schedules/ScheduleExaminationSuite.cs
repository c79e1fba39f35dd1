using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Schedules;

/// <summary>What the doctor says of schedules and their occurrences, and what it repairs.</summary>
public abstract class ScheduleExaminationSuite(StoreFixture fixture) : ScheduleSuiteBase(fixture)
{
    private static readonly byte[] _declared = new ScheduleDeclaration
    {
        Schedule = Schedule.Every(TimeSpan.FromMinutes(1)),
        Options = new ScheduleOptions(),
        MaxRetries = 0,
        Payload = "x"u8.ToArray(),
    }.Encode();

    private NamespaceRef Unit => new(TransferKind.Timers, Partition.Namespace);

    [Fact]
    public async Task Healthy_schedules_are_healthy_whatever_they_do()
    {
        await DeclareAsync("waits", 9);
        await DeclareAsync("queue", 2);
        await DeclareAsync("runs", 1);
        await DeclareAsync("paused", null, isPaused: true);
        (await ExtendAsync(await BeginAsync("runs"), TimeSpan.FromHours(1))).ShouldBe(TimerOutcome.Done);
        DeliveryKey queued = await ClaimAtAsync(2, "queue");
        ScheduleRecord queue = (await RecordAsync("queue")).ShouldNotBeNull();
        await TriggerAsync(queue, "one");
        (await AdvanceAsync(RunOf(queued, queue, 2, 3, OverlapPolicy.Queue))).Outcome.ShouldBe(AdvanceOutcome.Waiting);
        await PostAsync("event", 60_000);

        (await ExamineAsync(fix: false)).ShouldBeEmpty();
        (await ExamineAsync(fix: true)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_schedule_without_an_occurrence_is_named_and_gets_the_next_one()
    {
        await DeclareAsync("none", null);
        await DeclareAsync("well", 5);

        await ShouldFindAsync(StoreProblem.NoExpectedOccurrence, isRepairable: true, "none");
        ScheduleRecord record = (await RecordAsync("none")).ShouldNotBeNull();
        record.ExpectedState.ShouldBe(TimerState.Scheduled);
        ScheduleDeclaration.TimeOf(record.ExpectedId!).ShouldNotBeNull().ShouldBeGreaterThan(Clock.GetUtcNow());
    }

    [Fact]
    public async Task A_schedule_whose_occurrence_is_gone_is_named_and_gets_it_again()
    {
        await DeclareAsync("gone", 5);
        await CancelAsync(IdAt(5, "gone"));

        await ShouldFindAsync(StoreProblem.MissingOccurrence, isRepairable: true, "gone");
        ScheduleRecord record = (await RecordAsync("gone")).ShouldNotBeNull();
        (record.ExpectedId, record.ExpectedState).ShouldBe((IdAt(5, "gone"), TimerState.Scheduled));
    }

    [Fact]
    public async Task A_schedule_that_cannot_be_evaluated_is_named_and_stays()
    {
        await WriteAsync(new ScheduleWrite("damaged", null, "in", Bytes("no declaration"), false, OccurrenceAt(5, "damaged")));

        await ShouldFindAsync(StoreProblem.DamagedSchedule, isRepairable: false, "damaged");
        (await StateAsync(IdAt(5, "damaged"))).ShouldBe(TimerState.Scheduled);
    }

    [Fact]
    public async Task An_occurrence_that_no_schedule_knows_is_named_and_stays()
    {
        await DeclareAsync("well", 5);
        await PostAsync(OccurrenceAt(7, "well"), OccurrenceAt(5, "never"));

        StoreFinding[] found = [.. await ExamineAsync(fix: true)];

        found.ShouldAllBe(one => one.Problem == StoreProblem.StrayOccurrence && !one.IsRepaired && one.Unit == Unit);
        found.SelectMany(one => one.Names).Order(StringComparer.Ordinal).ShouldBe([IdAt(5, "never"), IdAt(7, "well")]);
        (await StateAsync(IdAt(7, "well"))).ShouldBe(TimerState.Scheduled);
    }

    [Fact]
    public async Task What_has_begun_when_its_schedule_is_removed_is_no_stray()
    {
        await DeclareAsync("removed", 1);
        DeliveryKey key = await BeginAsync("removed");
        await Schedules.RemoveAsync(Partition, "removed", null, CancellationToken.None);
        (await Timers.ReleaseAsync(Partition, [key], CancellationToken.None)).ShouldBe([TimerOutcome.Done]);

        (await ExamineAsync(fix: true)).ShouldBeEmpty();
    }

    private async Task ShouldFindAsync(StoreProblem problem, bool isRepairable, string name)
    {
        foreach (bool fix in (bool[])[false, true])
        {
            StoreFinding finding = (await ExamineAsync(fix)).ShouldHaveSingleItem();
            (finding.Problem, finding.Unit, finding.IsRepaired).ShouldBe((problem, Unit, isRepairable && fix));
            finding.Names.ShouldBe([name]);
        }

        (await ExamineAsync(fix: false)).Count.ShouldBe(isRepairable ? 0 : 1);
    }

    // A store that moves and repairs nothing has no doctor; what it would say of schedules is asked of all.
    private async Task<List<StoreFinding>> ExamineAsync(bool fix) => await (Store.Maintenance?.ExamineAsync(Partition.Namespace, fix, CancellationToken.None)
        ?? ScheduleExaminer.ExamineAsync(Timers, Unit, Partition, fix, CancellationToken.None)).ToListAsync();

    private async Task DeclareAsync(string id, int? minute, bool isPaused = false) =>
        (await WriteAsync(new ScheduleWrite(id, null, $"in-{id}", _declared, isPaused, minute is { } at ? OccurrenceAt(at, id, maxRetries: 3) : null))).Outcome.ShouldBe(ScheduleWriteOutcome.Written);

    private async Task<DeliveryKey> BeginAsync(string id)
    {
        DeliveryKey key = await ClaimAtAsync(1, id);
        (await AdvanceAsync(RunOf(key, (await RecordAsync(id)).ShouldNotBeNull(), 1, 9, maxRetries: 3))).Outcome.ShouldBe(AdvanceOutcome.Run);
        return key;
    }
}
