using Latchwork.Dashboard;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Dashboard;

/// <summary>The picture of an hour.</summary>
public sealed class CounterRowTests
{
    private static readonly DateTimeOffset _start = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void It_has_a_step_for_each_change_and_nothing_where_nothing_was()
    {
        Path([]).ShouldBe("");
        Path([0, 0]).ShouldBe("");
        Path([.. Enumerable.Repeat(0, 56), 4, 4, 1, 0]).ShouldBe("M0 10h56V0h2V7.5h1V10h1V10z");
        Path([1, 1000]).ShouldBe("M58 10V9h1V0h1V10z"); // a little is seen
    }

    [Fact]
    public void It_stays_short_whatever_happens() =>
        (50 * Path([.. Enumerable.Range(1, 60).Select(i => i * 7919 % 1000)]).Length).ShouldBeLessThan(20_000);

    private static string Path(int[] minutes) => CounterRow.PathOf(
        new TimerCounters { Minutes = [.. minutes.Select((count, i) => new TimerCountsBucket(_start.AddMinutes(i), new TimerCounts { Delivered = count }))] },
        static counts => counts.Delivered);
}
