using System.Buffers;
using System.Globalization;
using System.Text;
using BenchmarkDotNet.Attributes;
using Latchwork.Redis.Connections;

namespace Latchwork.Microbenchmarks;

/// <summary>The RESP codec: what goes out and what comes in.</summary>
public class RespBenchmarks
{
    private readonly RedisScript _script = new("script", "return 1");
    private readonly RedisArgument[] _keys = [.. Enumerable.Range(0, 9).Select(i => (RedisArgument)$"lw:{{t:orders:0}}:key{i}")];
    private byte[] _claim = [];
    private RedisArgument[] _arguments = [];

    /// <summary>Events in a command or a reply.</summary>
    [Params(1, 200)]
    public int Events { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        _claim = Encoding.ASCII.GetBytes(Claim(Events));
        _arguments = [.. Enumerable.Range(0, Events).SelectMany(_ => (RedisArgument[])[Guid.NewGuid().ToString(), 1_700_000_000_000, new byte[212]])];
    }

    /// <summary>Writes the post of some events of 200 bytes.</summary>
    [Benchmark]
    public int WritePost()
    {
        CommandBytes bytes = RespWriter.EvalSha(_script, _keys, _arguments);
        ArrayPool<byte>.Shared.Return(bytes.Array);
        return bytes.Length;
    }

    /// <summary>Reads the answer to a claim of some events of 200 bytes.</summary>
    [Benchmark]
    public int ReadClaim()
    {
        var reader = new RespReader();
        ReadOnlySpan<byte> input = _claim;
        return reader.TryRead(ref input, out RespMessage message) ? message.Reply.Items.Length : throw new InvalidOperationException("It is not whole.");
    }

    private static string Claim(int events)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"*{3 + (4 * events)}\r\n:1000\r\n$16\r\n1700000000000000\r\n:0\r\n");
        for (int i = 0; i < events; i++)
            text.Append(CultureInfo.InvariantCulture, $"$36\r\n{Guid.NewGuid()}\r\n$13\r\n1700000000000\r\n$1\r\n0\r\n$212\r\n{new string('x', 212)}\r\n");
        return text.ToString();
    }
}
