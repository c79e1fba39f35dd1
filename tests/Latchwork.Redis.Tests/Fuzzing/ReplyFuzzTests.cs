using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Latchwork.Redis.Connections;
using Shouldly;
using Xunit;
using Xunit.Abstractions;

namespace Latchwork.Redis.Tests.Fuzzing;

/// <summary>
/// Reads damaged replies: replies that a real server gave (<c>Corpus</c>), mutated. A short run is part of the tests; a long one is
/// <c>LATCHWORK_FUZZ=10000000 ./run-tests Redis --filter Fuzz</c>. A failure prints the seed and the reply.
/// </summary>
public sealed class ReplyFuzzTests(ITestOutputHelper output)
{
    private const string Variable = "LATCHWORK_FUZZ";
    private const int ShortRun = 100_000;

    /// <summary>What one reply may allocate, beyond what its bytes account for: a string of a million bytes that was announced, and lists nested 32 deep.</summary>
    private const long Trusted = 4 << 20;

    /// <summary>The shortest element has three bytes and takes forty; lists double as they grow.</summary>
    private const long PerByte = 64;

    [Fact]
    public void The_corpus_itself_is_read_to_the_end()
    {
        byte[][] corpus = Corpus();
        corpus.Length.ShouldBeGreaterThan(50);
        corpus.ShouldAllBe(reply => Read(reply, 1) != null && !Read(reply, 1)!.StartsWith("refused", StringComparison.Ordinal));
    }

    [Fact]
    public void Damaged_replies_are_read_or_refused_and_nothing_else()
    {
        int count = int.TryParse(Environment.GetEnvironmentVariable(Variable), CultureInfo.InvariantCulture, out int wanted) ? wanted : ShortRun;
        int seed = count == ShortRun ? 1 : Random.Shared.Next();
        var mutator = new ReplyMutator(Corpus(), seed);
        var pieces = new Random(seed);
        long start = Stopwatch.GetTimestamp();
        long refused = 0, bytes = 0, worst = 0;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> reply = mutator.Next().Span;
            long before = GC.GetAllocatedBytesForCurrentThread();
            string? reason;
            try
            {
                reason = Refusal(reply, pieces.Next(1, 80));
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Seed {seed}, reply {i}: {Convert.ToBase64String(reply)}", e);
            }

            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (reason is not null) refused++;
            bytes += reply.Length;
            worst = Math.Max(worst, allocated - (reply.Length * PerByte));
            if (allocated > Trusted + (reply.Length * PerByte))
                throw new InvalidOperationException($"Seed {seed}, reply {i} allocates {allocated} bytes: {Convert.ToBase64String(reply)}");

            // However it is cut, it reads the same.
            if (i % 16 == 0) Read(reply, 1).ShouldBe(Read(reply, 1000), $"seed {seed}, reply {i}");
        }

        output.WriteLine(
            $"{count} replies, {bytes >> 20} MiB, in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s; {refused} refused; at most {worst >> 10} KiB beyond the share of the bytes; seed {seed}.");
    }

    private static byte[][] Corpus()
    {
        string folder = Path.Combine(Folder(), "Corpus");
        return [.. Directory.EnumerateFiles(folder, "*.resp").Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
    }

    // Why it was refused; null if it was not.
    private static string? Refusal(ReadOnlySpan<byte> wire, int piece)
    {
        var reader = new RespReader();
        try
        {
            while (!wire.IsEmpty)
            {
                ReadOnlySpan<byte> input = wire[..Math.Min(piece, wire.Length)];
                wire = wire[input.Length..];
                while (reader.TryRead(ref input, out RespMessage message))
                {
                    if (message.Reply.Kind is RedisReplyKind.Bytes or RedisReplyKind.Error) _ = message.Reply.Text;
                }

                if (!input.IsEmpty) throw new InvalidOperationException("Bytes were left over.");
            }

            return null;
        }
        catch (RedisProtocolException e)
        {
            return e.Message;
        }
    }

    // What is read, in words; short replies only.
    private static string? Read(ReadOnlySpan<byte> wire, int piece)
    {
        var reader = new RespReader();
        var text = new StringBuilder();
        try
        {
            while (!wire.IsEmpty)
            {
                ReadOnlySpan<byte> input = wire[..Math.Min(piece, wire.Length)];
                wire = wire[input.Length..];
                while (reader.TryRead(ref input, out RespMessage message))
                {
                    text.Append(message.IsPush ? '>' : '=');
                    Show(text, message.Reply);
                }
            }

            return text.ToString();
        }
        catch (RedisProtocolException e)
        {
            return $"refused {e.Message}, after {text}";
        }
    }

    private static void Show(StringBuilder text, in RedisReply reply)
    {
        text.Append((int)reply.Kind).Append(' ');
        if (reply.Kind == RedisReplyKind.Number) text.Append(reply.Number);
        if (reply.Kind is RedisReplyKind.Bytes or RedisReplyKind.Error) text.Append(Convert.ToHexString(reply.Bytes.Span));
        if (reply.Kind != RedisReplyKind.Array) return;
        text.Append('[');
        foreach (ref readonly RedisReply item in reply.Items) Show(text, item);
        text.Append(']');
    }

    private static string Folder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
