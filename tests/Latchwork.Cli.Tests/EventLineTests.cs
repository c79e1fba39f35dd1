using System.Text;
using Latchwork.Cli.Input;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

public sealed class EventLineTests
{
    private static readonly PostOptions _defaults = new() { MaxRetries = 7, IfExists = IfExists.Keep };

    [Theory]
    [InlineData("1.0")]
    [InlineData("12345678901234567890123")]
    [InlineData("1e400")]
    [InlineData("\"a\\u0041 ü\"")]
    [InlineData("[]")]
    [InlineData("{ \"b\" : 1 , \"a\":[ {} ] }")]
    [InlineData("null")]
    public void Data_is_kept_byte_for_byte(string data)
    {
        TimerPost post = Parse($"{{\"inMs\":1,\"data\": {data} ,\"id\":\"x\"}}");
        Encoding.UTF8.GetString(post.Payload.Span).ShouldBe(data);
    }

    [Fact]
    public void Reads_every_property()
    {
        TimerPost post = Parse("""{"id":"ö1","inMs":1500.25,"data":1,"maxRetries":3}""");
        post.Options!.Id.ShouldBe("ö1");
        post.Options.MaxRetries.ShouldBe(3);
        post.Due.Value.ShouldBe(TimeSpan.FromMilliseconds(1500.25));
        post.Options.IfExists.ShouldBe(IfExists.Keep);
    }

    [Fact]
    public void Reads_delays_and_moments()
    {
        Parse("""{"in":"1h30m","data":1}""").Due.ShouldBe(Due.In(TimeSpan.FromMinutes(90)));
        Parse("""{"at":"2030-01-01T00:00+01:00","data":1}""").Due.ShouldBe(Due.At(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.FromHours(1))));
    }

    [Fact]
    public void What_a_line_does_not_say_comes_from_the_command_line()
    {
        TimerPost post = Parse("""{"inMs":0,"data":1}""");
        post.Options!.Id.ShouldBeNull();
        post.Options.MaxRetries.ShouldBe(7);
    }

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("nonsense", "not valid JSON")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("""{"inMs":1,"data":1""", "not valid JSON")]
    [InlineData("""{"inMs":1,"data":1} {}""", "not valid JSON")]
    [InlineData("""{"data":1}""", "'inMs', 'in' or 'at' is missing")]
    [InlineData("""{"inMs":1,"in":"1s","data":1}""", "'in' is given besides another of 'inMs', 'in' and 'at', or twice")]
    [InlineData("""{"in":5,"data":1}""", "'in' must be a string")]
    [InlineData("""{"in":"5","data":1}""", "'in' is not a duration: '5'")]
    [InlineData("""{"at":"2030-01-01T00:00","data":1}""", "'at' is not a date and time with its offset from UTC")]
    [InlineData("""{"inMs":1}""", "'data' is missing")]
    [InlineData("""{"inMs":"1","data":1}""", "'inMs' must be a number")]
    [InlineData("""{"inMs":-1,"data":1}""", "'inMs' must be between 0 and 3153600000000 (100 years); it is -1")]
    [InlineData("""{"inMs":1e300,"data":1}""", "'inMs' must be a number")]
    [InlineData("""{"inMs":3153600000001,"data":1}""", "it is 3153600000001")]
    [InlineData("""{"inMs":1,"data":1,"maxRetries":-1}""", "'maxRetries' must be a whole number between 0 and 1000000")]
    [InlineData("""{"inMs":1,"data":1,"maxRetries":1.5}""", "'maxRetries' must be")]
    [InlineData("""{"inMs":1,"data":1,"id":""}""", "'id' must have 1 to 512 bytes of UTF-8; it has 0")]
    [InlineData("""{"inMs":1,"data":1,"id":5}""", "'id' must be a string")]
    [InlineData("""{"inMs":1,"data":1,"id":"\ud800"}""", "'id' is not valid Unicode")]
    [InlineData("""{"inMs":1,"data":1,"data":2}""", "'data' is given twice")]
    [InlineData("""{"inMs":1,"data":1,"delay":2}""", "unknown property 'delay'")]
    public void Says_what_is_wrong(string line, string message) =>
        Should.Throw<BadLineException>(() => Parse(line)).Message.ShouldContain(message);

    [Fact]
    public void Refuses_invalid_utf8() =>
        Should.Throw<BadLineException>(() => EventLine.Parse([.. "{\"inMs\":1,\"data\":\""u8, 0xff, .. "\"}"u8], _defaults)).Message.ShouldBe("not valid UTF-8");

    [Fact]
    public void Refuses_data_that_is_too_large()
    {
        string data = new('x', Limits.DefaultMaxPayloadBytes);
        Should.Throw<BadLineException>(() => Parse($"{{\"inMs\":1,\"data\":\"{data}\"}}")).Message.ShouldContain("at most 1048576 bytes; it has 1048578");
    }

    [Fact]
    public void Reads_data_of_any_depth()
    {
        string data = new string('[', 5_000) + new string(']', 5_000);
        Parse($"{{\"inMs\":1,\"data\":{data}}}").Payload.Length.ShouldBe(data.Length);
    }

    private static TimerPost Parse(string line) => EventLine.Parse(Encoding.UTF8.GetBytes(line), _defaults);
}
