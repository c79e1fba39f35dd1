using Latchwork.Cli.Input;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>The one grammar of durations, as options of the command line read it.</summary>
public sealed class DurationTests
{
    [Theory]
    [InlineData("0s", 0)]
    [InlineData("250ms", 250)]
    [InlineData("2s", 2_000)]
    [InlineData("1.5s", 1_500)]
    [InlineData("5m", 300_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("3d", 259_200_000)]
    [InlineData("1h30m", 5_400_000)]
    [InlineData("1d2h3m4s5ms", 93_784_005)]
    [InlineData("36500d", 3_153_600_000_000)]
    [InlineData("00:00:10", 10_000)]
    [InlineData("01:30:00.250", 5_400_250)]
    [InlineData("7.00:00:00", 604_800_000)]
    public void Reads_durations(string text, double milliseconds)
    {
        Options.FindDurationError(text, TimeSpan.Zero, Limits.MaxDelay, out TimeSpan value).ShouldBeNull();
        value.TotalMilliseconds.ShouldBe(milliseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("s")]
    [InlineData("5x")]
    [InlineData("10:00")]
    [InlineData("1:2:3:4")]
    [InlineData("25:00:00")]
    [InlineData("5 s")]
    [InlineData("5S")]
    [InlineData("1,5s")]
    [InlineData("1e3s")]
    [InlineData("1..5s")]
    [InlineData("5m1h")]
    [InlineData("1m1m")]
    [InlineData("Infinitys")]
    [InlineData("NaNs")]
    [InlineData("٣s")]
    [InlineData("99999999999999999999999d")]
    public void Refuses_what_is_no_duration_and_names_it(string text)
    {
        string? error = Options.FindDurationError(text, TimeSpan.Zero, Limits.MaxDelay, out _);
        error.ShouldNotBeNull().ShouldContain($"'{text}'");
    }

    [Theory]
    [InlineData("-1s")]
    [InlineData("36501d")]
    [InlineData("36500d1ms")]
    public void Refuses_what_is_out_of_range_and_names_the_limits(string text)
    {
        string? error = Options.FindDurationError(text, TimeSpan.Zero, Limits.MaxDelay, out _);
        error.ShouldBe($"must be between 0s and 36500d; it is '{text}'");
    }
}
