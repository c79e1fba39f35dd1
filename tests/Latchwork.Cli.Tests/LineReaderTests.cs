using System.Text;
using Latchwork.Cli.Input;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

public sealed class LineReaderTests
{
    [Theory]
    [InlineData("a\nb\n", "a|b")]
    [InlineData("a\nb", "a|b")]
    [InlineData("a\r\nb\r\n", "a|b")]
    [InlineData("\n\na", "||a")]
    [InlineData("", "")]
    [InlineData("\uFEFFa\nb", "a|b")]
    public async Task Splits_lines_wherever_the_stream_breaks(string text, string expected)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        for (int piece = 1; piece <= bytes.Length + 1; piece++)
        {
            string.Join('|', await ReadAllAsync(new PiecewiseStream(bytes, piece))).ShouldBe(expected);
        }
    }

    [Fact]
    public async Task Reads_lines_that_are_longer_than_its_buffer()
    {
        string line = new('x', 700_000);
        (await ReadAllAsync(new PiecewiseStream(Encoding.UTF8.GetBytes($"{line}\nb"), 65_536), maxLine: 700_000)).ShouldBe([line, "b"]);
    }

    [Fact]
    public async Task Refuses_a_line_that_is_too_long_without_reading_all_of_it()
    {
        var reader = new LineReader(new PiecewiseStream(new byte[10_000_000], 65_536), maxLine: 1_000);
        await Should.ThrowAsync<BadLineException>(() => reader.ReadAsync(default).AsTask());
        reader.LineNumber.ShouldBe(1);
        reader.BytesRead.ShouldBeLessThan(1_000_000);
    }

    private static async Task<List<string>> ReadAllAsync(Stream stream, int maxLine = 100)
    {
        var reader = new LineReader(stream, maxLine);
        var lines = new List<string>();
        while (await reader.ReadAsync(default) is { } line) lines.Add(Encoding.UTF8.GetString(line.Span));
        reader.LineNumber.ShouldBe(lines.Count);
        return lines;
    }

    /// <summary>Gives a few bytes at a time, as a pipe may.</summary>
    private sealed class PiecewiseStream(byte[] bytes, int piece) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(piece, buffer.Length)], cancellationToken);
    }
}
