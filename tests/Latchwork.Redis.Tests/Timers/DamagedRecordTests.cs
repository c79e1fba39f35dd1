using System.Collections.Concurrent;
using System.Text;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace Latchwork.Redis.Tests.Timers;

/// <summary>Records that somebody else's hand has changed: the event is dead-lettered or starts anew, is shown, and keeps nobody else from coming.</summary>
public sealed class DamagedRecordTests(PartitionedFixture fixture) : IClassFixture<PartitionedFixture>, IAsyncLifetime
{
    private const string Payload = "the payload";

    private readonly string _ns = $"damaged-{Guid.NewGuid():N}";
    private readonly ConcurrentQueue<TimerDelivery> _got = new();
    private RedisStore _store = null!;
    private DistributedTimer _timer = null!;

    public async Task InitializeAsync()
    {
        _store = await PartitionedFixture.ConnectAsync(fixture.Server, PartitionedFixture.Partitions);
        _timer = new DistributedTimer(_store, new() { Namespace = _ns, ShutdownTimeout = TimeSpan.FromSeconds(1) });
    }

    public async Task DisposeAsync()
    {
        await _timer.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("empty")]
    [InlineData("short")]
    [InlineData("no number")]
    [InlineData("headers too long")]
    [InlineData("header beyond its end")]
    [InlineData("an odd text")]
    public async Task An_event_that_cannot_be_read_is_dead_with_the_reason_and_all_others_come(string damage)
    {
        await PostAsync();
        byte[]? stored = damage switch
        {
            "missing" => null,
            "empty" => [],
            "short" => "0000003000"u8.ToArray(),
            "no number" => Encoding.UTF8.GetBytes($"x00000300000{Payload}"),
            "headers too long" => Encoding.UTF8.GetBytes($"000000300099{Payload}"),
            "header beyond its end" => [.. "000000300004"u8, 0, 9, 1, 1, .. Encoding.UTF8.GetBytes(Payload)],
            _ => [.. "000000300003"u8, 0, 1, 65, .. Encoding.UTF8.GetBytes(Payload)],
        };
        await ChangeAsync(TimerKey.Body, stored);

        TimerSnapshot scheduled = (await _timer.PeekAsync("damaged"))!;
        (scheduled.IsDamaged, scheduled.State).ShouldBe((true, TimerState.Scheduled));
        if (stored is { Length: > 0 })
        {
            StoreFinding found = (await _store.Maintenance!.ExamineAsync(_ns, fix: false, default).ToListAsync()).ShouldHaveSingleItem();
            (found.Problem, found.IsRepaired).ShouldBe((StoreProblem.DamagedRecord, false));
        }

        await JoinAsync();
        await Eventually.HoldsAsync(() => _got.Count == 20, "all others");
        TimerSnapshot dead = (await Eventually.ReadsAsync(() => _timer.PeekAsync("damaged"), e => e?.State == TimerState.DeadLettered, "dead-lettered"))!;
        (dead.DeadLetterReason, dead.IsDamaged).ShouldBe((DeadLetterReason.RecordDamaged, true));
        dead.Failures.ShouldHaveSingleItem().Error.ShouldContain("cannot be read");
        dead.Due.ShouldBe(scheduled.Due);
        await foreach (TimerSnapshot one in _timer.DeadLetters.ListAsync()) one.Id.ShouldBe("damaged");
        await Eventually.ReadsAsync(() => _timer.GetStatsAsync(), stats => stats is { Scheduled: 0, InFlight: 0, DeadLetters: 1 }, "all others are confirmed");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_event_whose_past_or_lease_cannot_be_read_starts_anew(bool isLease)
    {
        await PostAsync();
        if (isLease)
        {
            await fixture.Server.CommandAsync("ZREM", Key(TimerKey.Due), "damaged");
            await fixture.Server.CommandAsync("ZADD", Key(TimerKey.Flight), "1", "damaged");
        }

        await ChangeAsync(isLease ? TimerKey.Lease : TimerKey.Tries, "nonsense"u8.ToArray());
        (await _timer.PeekAsync("damaged")).ShouldNotBeNull();
        await JoinAsync();
        await Eventually.HoldsAsync(() => _got.Count == 21, "all come");
        Encoding.UTF8.GetString(_got.Single(delivery => delivery.Id == "damaged").Payload.Span).ShouldBe(Payload);
        await Eventually.ReadsAsync(() => _timer.GetStatsAsync(), stats => stats is { Scheduled: 0, InFlight: 0, DeadLetters: 0 }, "all are confirmed");
    }

    private async Task PostAsync()
    {
        TimerPartition partition = Home("damaged");
        string[] ids = [.. Enumerable.Range(0, 1000).Select(i => $"good{i}").Where(id => Home(id) == partition).Take(20)];
        await _timer.PostAsync([.. ids.Prepend("damaged").Select(id =>
            new TimerPost(Encoding.UTF8.GetBytes(Payload), TimeSpan.FromMilliseconds(1), new() { Id = id, MaxRetries = 3 }))]);
    }

    private Task JoinAsync() => _timer.JoinAsync((delivery, _) =>
    {
        _got.Enqueue(delivery);
        return Task.CompletedTask;
    });

    private async Task ChangeAsync(TimerKey key, byte[]? value)
    {
        // Not by the command line: the bytes may be zeros.
        await using ConnectionMultiplexer other = await ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions
        {
            EndPoints = { new System.Net.Sockets.UnixDomainSocketEndPoint(fixture.Server.UnixSocketPath!) },
            ConnectTimeout = 60_000,
        });
        if (value is null) await other.GetDatabase().HashDeleteAsync(Key(key), "damaged");
        else await other.GetDatabase().HashSetAsync(Key(key), "damaged", value);
    }

    private TimerPartition Home(string id) => TimerPartition.Of(_ns, id, PartitionedFixture.Partitions);

    private string Key(TimerKey key) =>
        new RedisKeys(RedisOptions.DefaultKeyPrefix).Of(Home("damaged")).ChannelPrefix[..^"wake:".Length] + TimerPartitionKeys.NameOf(key);
}
