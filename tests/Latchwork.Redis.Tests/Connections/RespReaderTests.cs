using System.Text;
using Latchwork.Redis.Connections;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

public sealed class RespReaderTests
{
    /// <summary>Every type of reply, and what it reads as.</summary>
    public static TheoryData<string, string> Replies => new()
    {
        { "+OK\r\n", "OK" },
        { "+\r\n", "" },
        { "-ERR it's wrong\r\n", "-ERR it's wrong" },
        { ":1234567890123\r\n", "#1234567890123" },
        { ":-7\r\n", "#-7" },
        { ":+7\r\n", "#7" },
        { "$5\r\nhe\r\no\r\n", "he\r\no" },
        { "$0\r\n\r\n", "" },
        { "$-1\r\n", "null" },
        { "*-1\r\n", "null" },
        { "_\r\n", "null" },
        { "*0\r\n", "[]" },
        { "*3\r\n:1\r\n$1\r\na\r\n*2\r\n_\r\n+b\r\n", "[#1 a [null b]]" },
        { "*2\r\n*-1\r\n*0\r\n", "[null []]" },
        { "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n", "[a #1 b [#2]]" },
        { "%0\r\n", "[]" },
        { "~2\r\n+a\r\n+b\r\n", "[a b]" },
        { ",3.25\r\n", "3.25" },
        { ",inf\r\n", "inf" },
        { "#t\r\n", "#1" },
        { "#f\r\n", "#0" },
        { "(3492890328409238509324850943850943825024385\r\n", "3492890328409238509324850943850943825024385" },
        { "=15\r\ntxt:Some string\r\n", "Some string" },
        { "!11\r\nSYNTAX wide\r\n", "-SYNTAX wide" },
        { "*2\r\n-ERR inner\r\n!3\r\nERR\r\n", "[-ERR inner -ERR]" },
        { "|1\r\n+ttl\r\n:3600\r\n:42\r\n", "#42" },
        { "|0\r\n+a\r\n", "a" },
        { "*2\r\n|1\r\n+k\r\n*1\r\n:9\r\n:1\r\n:2\r\n", "[#1 #2]" },
        { ">3\r\n+message\r\n$2\r\nch\r\n$5\r\nhello\r\n", "push [message ch hello]" },
        { ">3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n", "push [subscribe ch #1]" },
    };

    [Theory]
    [MemberData(nameof(Replies))]
    public void A_reply_reads_the_same_however_it_is_split(string wire, string expected)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(wire + "+next\r\n");
        for (int first = 0; first <= bytes.Length; first++)
        {
            for (int second = first; second <= bytes.Length; second++)
                ReadAll(bytes[..first], bytes[first..second], bytes[second..]).ShouldBe([expected, "next"], $"split at {first} and {second}");
        }

        ReadAll([.. bytes.Select(b => new[] { b })]).ShouldBe([expected, "next"], "byte by byte");
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\n", "'H'")]
    [InlineData("\u0015\u0003\u0001", "0x15")]
    [InlineData(":12a\r\n", "number")]
    [InlineData(":\r\n", "number")]
    [InlineData(":99999999999999999999\r\n", "number")]
    [InlineData("#x\r\n", "boolean")]
    [InlineData("_x\r\n", "null")]
    [InlineData("+OK\n", "CR LF")]
    [InlineData("$3\r\nabcd\r\n", "does not end")]
    [InlineData("$3\r\nabc\rx", "does not end")]
    [InlineData("$-2\r\n", "length")]
    [InlineData("$99999999999\r\n", "length")]
    [InlineData("*-2\r\n", "length")]
    [InlineData("%-1\r\n", "length")]
    [InlineData("*100000000\r\n", "elements")]
    [InlineData("%4000000\r\n", "elements")]
    [InlineData("$?\r\n", "streamed")]
    [InlineData("*?\r\n", "streamed")]
    [InlineData(">0\r\n", "push")]
    [InlineData("*1\r\n>1\r\n", "push")]
    [InlineData("=2\r\nab\r\n", "verbatim")]
    [InlineData(":000000000000000000000000000000000000000000000001\r\n", "too long")]
    public void What_is_not_RESP_is_refused_with_a_reason(string wire, string reason) =>
        Should.Throw<RedisProtocolException>(() => ReadAll(Encoding.Latin1.GetBytes(wire))).Message.ShouldContain(reason);

    [Fact]
    public void Nesting_and_lines_have_limits()
    {
        string deep = string.Concat(Enumerable.Repeat("*1\r\n", RespReader.MaxDepth));
        ReadAll(Encoding.ASCII.GetBytes(deep + ":1\r\n")).Count.ShouldBe(1);
        Should.Throw<RedisProtocolException>(() => ReadAll(Encoding.ASCII.GetBytes(deep + "*1\r\n"))).Message.ShouldContain("nested");
        Should.Throw<RedisProtocolException>(() => ReadAll(Encoding.ASCII.GetBytes("+" + new string('x', RespReader.MaxLineBytes + 1)))).Message.ShouldContain("too long");
    }

    [Fact]
    public void Memory_follows_what_arrives_not_what_is_announced()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++)
        {
            ReadAll(Encoding.ASCII.GetBytes("$500000000\r\nabc"));
            ReadAll(Encoding.ASCII.GetBytes("*4000000\r\n:1\r\n"));
            ReadAll(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("*100000\r\n", 30))));
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(64 << 20);
    }

    [Fact]
    public void A_long_string_in_many_pieces_is_read_without_going_over_it_again()
    {
        byte[] payload = new byte[40 << 20];
        new Random(1).NextBytes(payload);
        byte[] wire = [.. Encoding.ASCII.GetBytes($"${payload.Length}\r\n"), .. payload, .. "\r\n"u8];
        var reader = new RespReader();
        for (int at = 0; at < wire.Length; at += 1000)
        {
            ReadOnlySpan<byte> piece = wire.AsSpan(at, Math.Min(1000, wire.Length - at));
            if (reader.TryRead(ref piece, out RespMessage message))
                message.Reply.Bytes.Span.SequenceEqual(payload).ShouldBeTrue();
            else
                (at + 1000).ShouldBeLessThan(wire.Length);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(300)]
    public void Garbage_is_read_or_refused_and_nothing_else(int seed)
    {
        var random = new Random(seed);
        const string Likely = "+-:$*_#,(=!~%|>\r\n0123456789?tfx";
        for (int round = 0; round < 20_000; round++)
        {
            byte[] garbage = new byte[random.Next(1, 60)];
            for (int i = 0; i < garbage.Length; i++)
                garbage[i] = random.Next(8) == 0 ? (byte)random.Next(256) : (byte)Likely[random.Next(Likely.Length)];
            if (random.Next(2) == 0)
                "*2\r\n"u8[..Math.Min(4, garbage.Length)].CopyTo(garbage);
            try
            {
                int cut = random.Next(garbage.Length);
                ReadAll(garbage[..cut], garbage[cut..]);
            }
            catch (RedisProtocolException)
            {
                // The only exception that is allowed.
            }
        }
    }

    [Theory]
    [InlineData(7)]
    [InlineData(77)]
    public void A_damaged_reply_is_read_or_refused_and_nothing_else(int seed)
    {
        var random = new Random(seed);
        string[] replies = [.. Replies.Select(row => (string)row[0])];
        for (int round = 0; round < 20_000; round++)
        {
            byte[] wire = Encoding.UTF8.GetBytes(replies[random.Next(replies.Length)] + replies[random.Next(replies.Length)]);
            wire[random.Next(wire.Length)] = (byte)random.Next(256);
            try
            {
                ReadAll(wire);
            }
            catch (RedisProtocolException)
            {
                // The only exception that is allowed.
            }
        }
    }

    private static List<string> ReadAll(params byte[][] pieces)
    {
        var reader = new RespReader();
        var read = new List<string>();
        foreach (byte[] piece in pieces)
        {
            ReadOnlySpan<byte> input = piece;
            while (reader.TryRead(ref input, out RespMessage message))
                read.Add((message.IsPush ? "push " : "") + Show(message.Reply));
            input.IsEmpty.ShouldBeTrue();
        }

        return read;
    }

    private static string Show(RedisReply reply) => reply.Kind switch
    {
        RedisReplyKind.Null => "null",
        RedisReplyKind.Number => $"#{reply.Number}",
        RedisReplyKind.Bytes => reply.Text,
        RedisReplyKind.Error => "-" + reply.Text,
        _ => $"[{string.Join(' ', reply.Items.ToArray().Select(Show))}]",
    };
}
