using Latchwork.StoreConformance.Engine;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Timers;

/// <summary>What is out of bounds is refused with the argument, the limit and the value, and nothing is sent.</summary>
public sealed class TimerInputTests
{
    private static readonly byte[] _payload = "{}"u8.ToArray();
    private readonly FaultyStore _store = new(new InMemoryStore());
    private readonly DistributedTimer _timer;

    public TimerInputTests()
    {
        _timer = new DistributedTimer(_store, new() { MaxPayloadBytes = 10 });
    }

    public static TheoryData<string, string> BadIds => new()
    {
        { "", "it has 0" },
        { new string('x', 513), "it has 513" },
        { new string('ü', 257), "it has 514" },
    };

    [Theory]
    [MemberData(nameof(BadIds))]
    public async Task Ids(string id, string message)
    {
        await RefusesAsync(() => _timer.PostAsync(_payload, TimeSpan.Zero, new() { Id = id }), message);
        await RefusesAsync(() => _timer.PostAsync([new TimerPost(_payload, TimeSpan.Zero), new TimerPost(_payload, TimeSpan.Zero, new() { Id = id })]), "posts[1]", message);
        await RefusesAsync(() => _timer.PeekAsync(id), message);
        await RefusesAsync(() => _timer.CancelAsync(id), message);
        await RefusesAsync(() => _timer.ChangeDelayAsync(id, TimeSpan.Zero), message);
        await RefusesAsync(() => _timer.ConfirmAsync(id), message);
        await RefusesAsync(() => _timer.ConfirmAsync("a", id), message);
        await RefusesAsync(() => _timer.DeadLetters.RequeueAsync(id), message);
        await RefusesAsync(() => _timer.DeadLetters.PurgeAsync(id), message);
    }

    [Fact]
    public Task Lone_surrogates() => Ids("a\udc00b", "lone surrogate at index 1"); // xunit cannot carry them as data

    [Fact]
    public async Task Payloads_retries_and_delays()
    {
        await RefusesAsync(() => _timer.PostAsync(new byte[11], TimeSpan.Zero), "'payload' must have at most 10 bytes; it has 11");
        await RefusesAsync(() => _timer.PostAsync("a long string", TimeSpan.Zero), "it has 15");
        await RefusesAsync(() => _timer.PostAsync((byte[])null!, TimeSpan.Zero), "payload");
        await RefusesAsync(() => _timer.PostAsync(_payload, TimeSpan.Zero, new() { MaxRetries = -1 }), "it is -1");
        await RefusesAsync(() => _timer.PostAsync(_payload, TimeSpan.Zero, new() { MaxRetries = 1_000_001 }), "it is 1000001");
        await RefusesAsync(() => _timer.PostAsync(_payload, TimeSpan.Zero, new() { IfExists = (IfExists)9 }), "it is 9");
        await RefusesAsync(() => _timer.PostAsync(_payload, TimeSpan.FromTicks(-1)), "-0.0001ms");
        await RefusesAsync(() => _timer.PostAsync(_payload, TimeSpan.MaxValue), "36500");
        await RefusesAsync(() => _timer.PostAsync(_payload, DateTimeOffset.MinValue), "1970");
        await RefusesAsync(() => _timer.PostAsync((IReadOnlyList<TimerPost>)null!), "posts");
    }

    [Fact]
    public async Task Headers()
    {
        await RefusesAsync(() => Post("", "v"), "is empty");
        await RefusesAsync(() => Post("k", null!), "is null");
        await RefusesAsync(() => Post("k", "\ud800"), "lone surrogate at index 0");
        await RefusesAsync(() => Post("k", new string('x', 8190)), "8192", "8193");

        Task Post(string name, string value) =>
            _timer.PostAsync(_payload, TimeSpan.Zero, new() { Headers = new Dictionary<string, string> { [name] = value } });
    }

    [Fact]
    public async Task Windows()
    {
        await RefusesAsync(() => Read(_timer.UpcomingAsync(offset: TimeSpan.FromTicks(-1))), "'offset'");
        await RefusesAsync(() => Read(_timer.UpcomingAsync(duration: TimeSpan.MaxValue)), "'duration'");
        await RefusesAsync(() => Read(_timer.UpcomingAsync(limit: -1)), "'limit'", "-1");
        await RefusesAsync(() => Read(_timer.DeadLetters.ListAsync((DeadLetterReason)9)), "'reason'");
        await RefusesAsync(() => _timer.DeadLetters.PurgeAllAsync(olderThan: TimeSpan.FromSeconds(-1)), "'olderThan'");

        static async Task Read(IAsyncEnumerable<TimerSnapshot> listing)
        {
            await foreach (TimerSnapshot _ in listing) break;
        }
    }

    private async Task RefusesAsync(Func<Task> call, params string[] parts)
    {
        Exception refusal = await Should.ThrowAsync<ArgumentException>(async () => await call());
        foreach (string part in parts) refusal.Message.ShouldContain(part);
        _store.Faults.Calls(nameof(_store.Faults.OpenAsync)).ShouldBe(0);
    }
}
