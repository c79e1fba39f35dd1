using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>A server's clock that is set back, or forward, under the feet of a partition.</summary>
public abstract class TimerClockSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    private TimeSpan Tolerance => Fixture.ClockTolerance;

    [Fact]
    public async Task What_is_left_is_never_shown_as_more_than_what_was_given()
    {
        for (int i = 0; i < 7; i++)
        {
            Clock.Advance(TimeSpan.FromMicroseconds(151)); // due times and ends of leases are rounded up to whole milliseconds
            string id = $"{i}", soon = $"soon {i}";
            await PostAsync(id, 1_000);
            (await PeekAsync(id))!.TimeLeft.ShouldBeInRange(Ms(999), Ms(1_000), id);
            (await UpcomingAsync()).Single(one => one.Id == id).TimeLeft.ShouldBeInRange(Ms(999), Ms(1_000), id);
            await PostAsync(soon, 0);
            Clock.Advance(Ms(1));
            await TakeAsync(soon, lease: Lease);
            (await PeekAsync(soon))!.LeaseLeft!.Value.ShouldBeInRange(Lease - Ms(1), Lease, id);
        }
    }

    [Theory]
    [InlineData(3_600_000)]
    [InlineData(400)]
    [InlineData(10)]
    public async Task When_the_clock_goes_back_delays_keep_their_length(int backMs)
    {
        await PostAsync("a", 5_000);
        Clock.Advance(Seconds(2));
        await AskAsync();
        Clock.Shift(-Ms(backMs));
        await AskAsync();
        (await PeekAsync("a"))!.TimeLeft.ShouldBeInRange(Seconds(3), Seconds(3) + Tolerance);

        Clock.Advance(Seconds(3) - Ms(1));
        (await AskAsync()).Events.ShouldBeEmpty();
        Clock.Advance(Ms(1) + Tolerance);
        (await ClaimIdsAsync()).ShouldBe(["a"]);
    }

    [Fact]
    public async Task When_the_clock_goes_back_leases_keep_their_length()
    {
        await PostAsync("a", 0, maxRetries: 1);
        await TakeAsync("a", "dies");
        Clock.Advance(Seconds(4));
        await AskAsync("n2");
        Clock.Shift(-TimeSpan.FromDays(3));
        await AskAsync("n2");
        (await PeekAsync("a"))!.LeaseLeft!.Value.ShouldBeInRange(Seconds(6), Seconds(6) + Tolerance);
        Clock.Advance(Seconds(6) + Tolerance);
        (await ClaimIdsAsync("n2")).ShouldBe(["a"]);
    }

    [Fact]
    public async Task What_is_posted_after_the_clock_went_back_falls_due_after_its_delay()
    {
        await PostAsync("old", 3_000);
        Clock.Advance(Seconds(1));
        await AskAsync();
        Clock.Shift(-TimeSpan.FromHours(2));
        await PostAsync("new", 1_000);
        Clock.Advance(Seconds(1) + Tolerance);
        (await ClaimIdsAsync()).ShouldBe(["new"]);
        Clock.Advance(Seconds(1));
        (await ClaimIdsAsync()).ShouldBe(["old"]);
    }

    [Fact]
    public async Task Many_small_steps_back_do_not_add_up()
    {
        await PostAsync("a", 5_000);
        Clock.Advance(Seconds(2));
        await AskAsync();
        for (int i = 0; i < 30; i++)
        {
            Clock.Shift(-Ms(20));
            await AskAsync();
        }

        (await PeekAsync("a"))!.TimeLeft.ShouldBeInRange(Seconds(3), Seconds(3) + Tolerance);
    }

    [Fact]
    public async Task It_may_go_back_again_and_again()
    {
        await PostAsync("a", 60_000);
        for (int i = 0; i < 5; i++)
        {
            Clock.Advance(Seconds(10));
            await AskAsync();
            Clock.Shift(-TimeSpan.FromMinutes(7));
            await AskAsync();
        }

        (await PeekAsync("a"))!.TimeLeft.ShouldBeInRange(Seconds(10), Seconds(10) + Tolerance * 5);
    }

    [Fact]
    public async Task When_the_clock_jumps_forward_what_is_due_by_then_is_due()
    {
        await PostAsync("a", 60_000);
        Clock.Shift(TimeSpan.FromHours(1));
        (await ClaimIdsAsync()).ShouldBe(["a"]);
    }

    [Fact]
    public async Task Listeners_go_on_asking_after_the_clock_went_back()
    {
        var listeners = new ListenerSimulation(Timers, Partition, Clock);
        for (int i = 0; i < 3; i++) await listeners.JoinAsync($"n{i}");
        await listeners.RunAsync(Seconds(10));
        Clock.Shift(-TimeSpan.FromHours(1));
        listeners.ClockWasShifted(-TimeSpan.FromHours(1));
        await PostAsync("a", 1_500);
        await listeners.RunAsync(Seconds(6));
        listeners.Deliveries.Single().Event.Lateness.ShouldBeLessThanOrEqualTo(Seconds(3));
    }
}
