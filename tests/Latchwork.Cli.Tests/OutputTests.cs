using System.Text;
using System.Text.Json;
using Latchwork.Cli.Output;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

public sealed class OutputTests
{
    [Theory]
    [InlineData("redis://user:secret@host:1", "redis://***@host:1")]
    [InlineData("redis://:secret@host", "redis://***@host")]
    [InlineData("redis://user:sec@ret@host", "redis://***@host")]
    [InlineData("host:6379,password=secret,db=1", "host:6379,password=***,db=1")]
    [InlineData("redis://host:6379/0 is away", "redis://host:6379/0 is away")]
    [InlineData("two\nlines\r\n", "two lines  ")]
    [InlineData("\u001b[31mred", "\\u001b[31mred")]
    public void Error_lines_are_one_line_without_passwords_and_escapes(string message, string expected) =>
        ErrorLine.Format("latchwork", message).ShouldBe("latchwork: " + expected);

    [Theory]
    [InlineData("{\"a\":1.0}", "{\"data\":{\"a\":1.0}}")]
    [InlineData("{\n\"a\":\r\n1}", "{\"data\":{ \"a\":  1}}")]
    [InlineData("12345678901234567890.10", "{\"data\":12345678901234567890.10}")]
    [InlineData("not json", "{\"dataBase64\":\"bm90IGpzb24=\"}")]
    [InlineData("1 2", "{\"dataBase64\":\"MSAy\"}")]
    [InlineData("", "{\"dataBase64\":\"\"}")]
    public void Payloads_are_data_if_they_are_json_and_base64_else(string payload, string expected) =>
        Write(Encoding.UTF8.GetBytes(payload)).ShouldBe(expected);

    [Fact]
    public void A_string_with_invalid_utf8_is_no_json() =>
        Write([(byte)'"', 0xff, (byte)'"']).ShouldBe("{\"dataBase64\":\"Iv8i\"}");

    [Theory]
    [InlineData("text", "text")]
    [InlineData("", "(empty)")]
    [InlineData("a\u001bb\n", "a\\u001bb ")]
    public void Payloads_are_safe_for_a_terminal(string payload, string expected) =>
        Printable.Payload(Encoding.UTF8.GetBytes(payload)).ShouldBe(expected);

    [Fact]
    public void Rows_are_aligned()
    {
        var output = new StringWriter { NewLine = "\n" };
        var printer = new Printer(new Terminal { Out = output, Error = output, In = Stream.Null, OutBytes = Stream.Null, ErrorBytes = Stream.Null }, json: false);
        var rows = new RowPrinter(printer, new Column("ID"), new Column("N", Right: true), new Column("DATA"));
        rows.Add("long-id", "1", "a");
        rows.Add("b", "100", "b");
        rows.Flush();
        output.ToString().ShouldBe("ID         N  DATA\nlong-id    1  a\nb        100  b\n");
    }

    private static string Write(byte[] payload)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteData(payload);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
