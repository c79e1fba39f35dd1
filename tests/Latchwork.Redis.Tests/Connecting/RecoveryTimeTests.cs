using System.Diagnostics;
using System.Globalization;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;
using Xunit.Abstractions;

namespace Latchwork.Redis.Tests.Connecting;

/// <summary>How long it takes until a server that is back is used again. The best of a few rounds counts, as the machine may stall in one.</summary>
public sealed class RecoveryTimeTests(ITestOutputHelper output)
{
    private static readonly TimeSpan _bound = TimeSpan.FromSeconds(2);
    private static readonly RedisScript _count = new("count", "return redis.call('INCR', KEYS[1])");

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public async Task A_server_that_was_started_again_is_used_within_two_seconds(int secondsAway)
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisConnection connection = await TestConnection.OpenAsync(server.Uri + "?commandTimeout=500ms&connectTimeout=5s");
        var times = new List<TimeSpan>();
        for (int round = 0; round < 3; round++)
        {
            await SucceedAsync(connection);
            server.Kill();
            long away = Stopwatch.GetTimestamp();
            await Eventually.ReadsAsync(() => TryAsync(connection), done => !done && Stopwatch.GetElapsedTime(away).TotalSeconds >= secondsAway, "it is away");
            await server.StartAgainAsync();
            long back = Stopwatch.GetTimestamp();
            await SucceedAsync(connection);
            times.Add(Stopwatch.GetElapsedTime(back));
        }

        output.WriteLine($"Away for {secondsAway} s: {string.Join(", ", times.Select(time => time.TotalMilliseconds.ToString("F0", CultureInfo.InvariantCulture)))} ms.");
        times.Min().ShouldBeLessThan(_bound);
    }

    private static Task SucceedAsync(RedisConnection connection) => Eventually.ReadsAsync(() => TryAsync(connection), done => done, "it works");

    private static async Task<bool> TryAsync(RedisConnection connection)
    {
        try
        {
            return (await connection.EvaluateAsync(_count, ["key"], [], CancellationToken.None)).Number > 0;
        }
        catch (LatchworkStoreException)
        {
            return false;
        }
    }
}
