using Shouldly;
using Xunit;

namespace Latchwork.Tests;

public sealed class DurationTextTests
{
    [Theory]
    [InlineData("0s")]
    [InlineData("250ms")]
    [InlineData("2s")]
    [InlineData("5m")]
    [InlineData("1h")]
    [InlineData("3d")]
    [InlineData("-3d")]
    public void Writes_what_it_reads(string text)
    {
        DurationText.TryParse(text, out TimeSpan value).ShouldBeTrue();
        DurationText.Write(value).ShouldBe(text);
    }

    [Theory]
    [InlineData("1h30m", 5_400_000)]
    [InlineData("1.5s", 1_500)]
    [InlineData("00:00:10", 10_000)]
    [InlineData("1:30:00", 5_400_000)]
    [InlineData("7.00:00:00", 604_800_000)]
    [InlineData("00:00:00.250", 250)]
    public void Reads_sums_fractions_and_clocks(string text, double milliseconds)
    {
        DurationText.TryParse(text, out TimeSpan value).ShouldBeTrue();
        value.TotalMilliseconds.ShouldBe(milliseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("10:00")]
    [InlineData("25:00:00")]
    [InlineData("10 s")]
    [InlineData("10S")]
    [InlineData("5m1h")]
    [InlineData("99999999999d")]
    public void Refuses_what_means_different_things_to_different_people(string text) => DurationText.TryParse(text, out _).ShouldBeFalse();
}
