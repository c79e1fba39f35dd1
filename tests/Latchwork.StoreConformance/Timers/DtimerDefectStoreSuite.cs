using System.Text;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>
/// The defects of dtimer 0.3.3 that a store can have, one test each, by their numbers. Those of a listening process are shown with the engine.
/// </summary>
public abstract class DtimerDefectStoreSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    [Fact]
    public async Task Defect_01_MaxRetries0_payload_is_not_deleted_when_fetched()
    {
        await PostAsync("a", 0, maxRetries: 0, payload: "precious");
        await TakeAsync("a", "crashes");
        (await PeekAsync("a"))!.Payload.ToArray().ShouldBe(Bytes("precious"));
        Clock.Advance(Lease);
        await AskAsync("n2");

        TimerSnapshot a = (await DeadLettersAsync()).Single();
        (a.Id, a.DeadLetterReason).ShouldBe(("a", DeadLetterReason.LeaseExpired));
        a.Payload.ToArray().ShouldBe(Bytes("precious"));
        (await RequeueAsync(new DeadLetterKey("a", a.DeadLetteredAt), Due.In(TimeSpan.Zero))).ShouldBe(TimerOutcome.Done);
        (await AskAsync("n2")).Events.Single().Payload.ToArray().ShouldBe(Bytes("precious"));
    }

    [Fact]
    public async Task Defect_02_An_event_whose_retries_are_exhausted_is_kept_with_its_reason()
    {
        await PostAsync("a", 0, maxRetries: 1, payload: "precious");
        await FailAsync(await TakeAsync("a"), Ms(0), "one");
        await FailAsync(await TakeAsync("a"), Ms(0), "two");
        TimerSnapshot a = (await DeadLettersAsync()).Single();
        (a.Id, a.State, a.DeadLetterReason).ShouldBe(("a", TimerState.DeadLettered, DeadLetterReason.RetriesExhausted));
        a.Payload.ToArray().ShouldBe(Bytes("precious"));
        a.Failures.Select(f => f.Error).ShouldBe(["one", "two"]);
        (await GetStatsAsync()).DeadLetters.ShouldBe(1);
    }

    [Fact]
    public async Task Defect_03_A_confirm_of_the_former_delivery_does_not_touch_an_event_reposted_in_flight()
    {
        await PostAsync("a", 0, payload: "old");
        DeliveryKey former = await TakeAsync("a");
        await PostAsync("a", 100, payload: "new");
        (await ConfirmAsync(former)).ShouldBe(TimerOutcome.Stale);
        Clock.Advance(Ms(100));
        Encoding.UTF8.GetString((await AskAsync()).Events.Single().Payload.Span).ShouldBe("new");
    }

    [Fact]
    public async Task Defect_04_ChangeDelay_of_an_event_in_flight_is_refused_and_loses_nothing()
    {
        await PostAsync("a", 0, maxRetries: 1);
        DeliveryKey key = await TakeAsync("a");
        (await ChangeDelayAsync("a", Due.In(Ms(100)))).ShouldBe(TimerOutcome.InFlight);
        (await StateAsync("a")).ShouldBe(TimerState.InFlight);
        (await FailAsync(key, Ms(100))).ShouldBe(TimerOutcome.Done, "how a handler postpones its own delivery");
        Clock.Advance(Ms(100));
        (await ClaimIdsAsync()).ShouldBe(["a"]);
    }

    [Fact]
    public async Task Defect_05_A_poison_payload_does_not_lose_the_rest_of_its_batch()
    {
        byte[] poison = [0xFF, 0xC0, 0x00, (byte)'{'];
        await PostAsync(Entry("a", 0), new TimerEntry("b", Due.In(TimeSpan.Zero), poison, 0, IfExists.Replace, null, IdIsNew: false), Entry("c", 0));
        TimerClaim claim = await AskAsync();
        claim.Events.Select(e => e.Id).ShouldBe(["a", "b", "c"]);
        claim.Events[1].Payload.ToArray().ShouldBe(poison);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    [InlineData(double.MaxValue)]
    [InlineData(-1)]
    [InlineData(36_500.5 * 24 * 3_600_000)]
    public async Task Defect_07_An_infinite_or_absurd_delay_cannot_be_said_and_changes_nothing(double milliseconds)
    {
        await PostAsync("a", 1_000);
        Record.Exception(() => Due.In(TimeSpan.FromMilliseconds(milliseconds))).ShouldBeAssignableTo<SystemException>();
        Should.Throw<ArgumentOutOfRangeException>(() => Due.In(TimeSpan.MaxValue));
        Should.Throw<ArgumentOutOfRangeException>(() => Due.In(TimeSpan.MinValue));
        Should.Throw<ArgumentOutOfRangeException>(() => Due.In(Timeout.InfiniteTimeSpan));
        (await PeekAsync("a"))!.TimeLeft.ShouldBe(Seconds(1));
        (await UpcomingAsync()).Count.ShouldBe(1);
    }

    [Fact]
    public async Task Defect_08_ChangeDelay_of_a_missing_id_finds_nothing_and_creates_no_ghost()
    {
        (await ChangeDelayAsync("ghost", Due.In(TimeSpan.Zero))).ShouldBe(TimerOutcome.NotFound);
        (await PeekAsync("ghost")).ShouldBeNull();
        (await GetStatsAsync()).ShouldBe(new TimerStats(0, 0, 0, 0, null));
        (await AskAsync()).Events.ShouldBeEmpty();
    }

    [Fact]
    public async Task Defect_09_A_stale_owner_cannot_confirm_the_delivery_of_the_next()
    {
        await PostAsync("a", 0, maxRetries: 1);
        DeliveryKey stale = await TakeAsync("a", "n1");
        Clock.Advance(Lease);
        DeliveryKey live = await TakeAsync("a", "n2");
        (await ConfirmAsync(stale)).ShouldBe(TimerOutcome.Stale);
        (await StateAsync("a")).ShouldBe(TimerState.InFlight);
        (await ConfirmAsync(live)).ShouldBe(TimerOutcome.Done);
    }

    [Fact]
    public async Task Defect_10_An_event_in_flight_can_be_seen_and_cancelled()
    {
        await PostAsync("a", 0, payload: "seen");
        DeliveryKey key = await TakeAsync("a", "n1");
        TimerSnapshot a = (await PeekAsync("a")).ShouldNotBeNull();
        (a.State, a.NodeId, a.Token, a.LeaseLeft).ShouldBe((TimerState.InFlight, "n1", key.Token, Lease));
        a.Payload.ToArray().ShouldBe(Bytes("seen"));
        (await CancelAsync("a", revoke: true)).ShouldBe(TimerOutcome.Done);
        (await ConfirmAsync(key)).ShouldBe(TimerOutcome.NotFound);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{\"empty\":[],\"n\":9007199254740993,\"f\":0.1000000000000000055,\"e\":1E+2}")]
    public async Task Defect_11_A_retry_does_not_encode_the_payload_anew(string json)
    {
        await PostAsync("a", 0, maxRetries: 3, payload: json);
        for (int attempt = 0; attempt < 4; attempt++)
        {
            string token = NewToken();
            Encoding.UTF8.GetString((await AskAsync("n1", token)).Events.Single().Payload.Span).ShouldBe(json);
            await FailAsync(new DeliveryKey("a", token), Ms(0));
        }

        Encoding.UTF8.GetString((await PeekAsync("a"))!.Payload.Span).ShouldBe(json);
    }

    [Fact]
    public async Task Defect_12_The_first_delivery_has_its_number_of_retries()
    {
        await PostAsync("a", 0, maxRetries: 2);
        ClaimedEvent first = (await AskAsync("n1", "t")).Events.Single();
        (first.Retries, first.MaxRetries).ShouldBe((0, 2));
        await FailAsync(new DeliveryKey("a", "t"), Ms(0));
        (await AskAsync()).Events.Single().Retries.ShouldBe(1);
    }

    [Fact]
    public async Task Defect_13_A_node_that_wakes_a_hair_early_is_told_to_wait_a_hair()
    {
        await PostAsync("a", 5_000);
        Clock.Advance(Seconds(5) - TimeSpan.FromMicroseconds(300));
        TimerClaim early = await AskAsync();
        early.Events.ShouldBeEmpty();
        early.AskAgainIn.ShouldBe(TimeSpan.FromMicroseconds(300));
        Clock.Advance(early.AskAgainIn);
        (await AskAsync()).Events.Single().Lateness.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task Defect_14_Cancelling_the_earliest_event_does_not_make_the_next_late()
    {
        await PostAsync(Entry("first", 400), Entry("second", 430));
        (await AskAsync()).AskAgainIn.ShouldBe(Ms(400));
        await CancelAsync("first");
        Clock.Advance(Ms(400));
        (await AskAsync()).AskAgainIn.ShouldBe(Ms(30));
        Clock.Advance(Ms(30));
        (await AskAsync()).Events.Single().Lateness.ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public async Task Defect_15_A_frozen_node_costs_little_however_many_dead_ones_there_are()
    {
        var listeners = new ListenerSimulation(Timers, Partition, Clock);
        for (int i = 0; i < 30; i++) await listeners.JoinAsync($"dead{i}");
        for (int i = 0; i < 30; i++) listeners.Kill($"dead{i}");
        await listeners.JoinAsync("frozen");
        await listeners.JoinAsync("n1");
        await listeners.JoinAsync("n2");
        await listeners.RunAsync(Seconds(40));

        await PostAsync("a", 4_321);
        await listeners.RunAsync(Seconds(4.2));
        string primary = listeners.NextAsks.MinBy(pair => pair.Value).Key;
        listeners.Kill(primary);
        await listeners.RunAsync(Seconds(1));
        listeners.Deliveries.Single().Event.Lateness.ShouldBeLessThanOrEqualTo(Ms(250));
    }

    [Fact]
    public async Task Defect_16_The_end_of_a_lease_wakes_a_listener()
    {
        await PostAsync("a", 0, maxRetries: 1);
        await TakeAsync("a", "crashes", lease: Ms(700));
        var listeners = new ListenerSimulation(Timers, Partition, Clock);
        await listeners.JoinAsync("n1");
        await listeners.RunAsync(Seconds(1));
        listeners.Deliveries.Single().Event.Lateness.ShouldBeLessThanOrEqualTo(Ms(250), "counted from the end of the lease");
    }

    [Fact]
    public async Task Defect_20_The_sweep_of_expired_leases_is_bounded()
    {
        for (int i = 0; i < 3; i++) await PostAsync([.. Enumerable.Range(0, 200).Select(k => Entry($"e{i}-{k}", 0, maxRetries: 1))]);
        for (int i = 0; i < 3; i++) (await AskAsync("crashes", capacity: 1_000)).Events.Count.ShouldBe(200);
        Clock.Advance(Lease);

        TimerClaim claim = await AskAsync("n2", max: 0);
        TimerStats stats = await GetStatsAsync();
        (stats.Scheduled, stats.InFlight).ShouldBe((200, 400));
        claim.AskAgainIn.ShouldBe(TimeSpan.Zero, "there is more to do");
    }
}
