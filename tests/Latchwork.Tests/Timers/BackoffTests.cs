using Shouldly;
using Xunit;

namespace Latchwork.Tests.Timers;

public sealed class BackoffTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 2)]
    [InlineData(9, 512)]
    [InlineData(10, 600)]
    [InlineData(1_000_000, 600)]
    [InlineData(int.MaxValue, 600)]
    public void Delays_double_up_to_the_longest_and_never_overflow(int n, double seconds) =>
        new RetryBackoff { Jitter = 0 }.DelayOf(n, Random.Shared).ShouldBe(TimeSpan.FromSeconds(seconds));

    [Fact]
    public void Jitter_spreads_both_ways_and_stays_within_bounds()
    {
        var random = new Random(1);
        TimeSpan[] delays = [.. Enumerable.Range(0, 1000).Select(_ => new RetryBackoff().DelayOf(0, random))];
        delays.ShouldAllBe(delay => delay >= TimeSpan.FromSeconds(0.8) && delay <= TimeSpan.FromSeconds(1.2));
        delays.Min().ShouldBeLessThan(TimeSpan.FromSeconds(0.85));
        delays.Max().ShouldBeGreaterThan(TimeSpan.FromSeconds(1.15));
    }

    [Fact]
    public void Extremes_are_harmless()
    {
        new RetryBackoff { Initial = TimeSpan.Zero, Factor = 100 }.DelayOf(int.MaxValue, Random.Shared).ShouldBe(TimeSpan.Zero);
        var longest = new RetryBackoff { Initial = Limits.MaxDelay, Max = Limits.MaxDelay, Factor = 100, Jitter = 1 };
        for (int i = 0; i < 100; i++) longest.DelayOf(int.MaxValue, Random.Shared).ShouldBeInRange(TimeSpan.Zero, Limits.MaxDelay);
    }
}
