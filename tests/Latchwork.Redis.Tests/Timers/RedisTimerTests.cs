using System.Text;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Timers;

/// <summary>What the tests that concern Redis only share: a store on the class's server, a namespace of its own, and short ways to say things.</summary>
public abstract class RedisTimerTests(RedisTimerFixture fixture) : IAsyncLifetime
{
    protected static readonly DeadLetterLimits KeepDeadLetters = new(TimeSpan.FromDays(30), 100_000);

    protected RedisServer Server => fixture.Server;

    protected ManualTimeProvider Clock { get; } = new();

    protected RedisStore Store { get; private set; } = null!;

    protected ITimerStore Timers => Store.Timers;

    protected TimerPartition Partition { get; } = new($"test-{Guid.NewGuid():N}", 0);

    public async Task InitializeAsync() => Store = await RedisTimerFixture.ConnectAsync(Server, Clock);

    public async Task DisposeAsync() => await Store.DisposeAsync();

    protected static TimerEntry Entry(string id, double dueInMs = 0, int payloadBytes = 2, int maxRetries = 0, bool idIsNew = false) =>
        new(id, Due.In(TimeSpan.FromMilliseconds(dueInMs)), Encoding.UTF8.GetBytes(new string('x', payloadBytes)), maxRetries, IfExists.Replace, null, idIsNew);

    protected static TimerEntry[] Entries(int count, double dueInMs = 0, int payloadBytes = 2) =>
        [.. Enumerable.Range(0, count).Select(i => Entry($"e{i:D6}", dueInMs, payloadBytes))];

    protected Task<IReadOnlyList<PostOutcome>> PostAsync(params TimerEntry[] entries) => Timers.PostAsync(Partition, entries, CancellationToken.None);

    /// <summary>Posts any number of events, in batches.</summary>
    protected async Task PostManyAsync(TimerEntry[] entries)
    {
        foreach (TimerEntry[] batch in entries.Chunk(Limits.MaxBatch)) await PostAsync(batch);
    }

    protected static ClaimRequest Request(string token, int max = 200, string node = "n1", DeadLetterLimits? keepDeadLetters = null) =>
        new(node, token, max, 1000, 0, TimeSpan.FromSeconds(10), keepDeadLetters ?? KeepDeadLetters);

    protected Task<TimerClaim> ClaimAsync(string token, int max = 200, string node = "n1") =>
        Timers.ClaimAsync(Partition, Request(token, max, node), CancellationToken.None);

    protected async Task<DeliveryKey[]> TakeAsync(string token, int max = 200) =>
        [.. (await ClaimAsync(token, max)).Events.Select(e => new DeliveryKey(e.Id, token))];

    /// <summary>The keys of this test's partition.</summary>
    protected async Task<string[]> KeysAsync() => await KeysAsync($"*{Partition.Namespace}*");

    protected async Task<string[]> KeysAsync(string pattern) =>
        (await Server.CommandAsync("KEYS", pattern)).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>A digest of everything in the server: equal before and after means that nothing was written.</summary>
    protected static Task<string> DigestAsync(RedisServer server) => server.CommandAsync(
        "EVAL",
        "local all = '' local keys = redis.call('KEYS', '*') table.sort(keys) "
        + "for _, key in ipairs(keys) do all = redis.sha1hex(all .. key .. redis.call('DUMP', key)) end return all",
        "0");

    /// <summary>How often the server was given a command by a script or a client, by command.</summary>
    protected static async Task<Dictionary<string, long>> CommandCountsAsync(RedisServer server)
    {
        var counts = new Dictionary<string, long>();
        foreach (string line in (await server.CommandAsync("INFO", "commandstats")).Split('\n'))
        {
            if (!line.StartsWith("cmdstat_", StringComparison.Ordinal)) continue;
            string[] parts = line["cmdstat_".Length..].Split(":calls=");
            counts[parts[0]] = long.Parse(parts[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture);
        }

        return counts;
    }

    /// <summary>How many commands the server ran for an operation, those inside scripts included.</summary>
    protected async Task<long> CountCommandsAsync(Func<Task> operation)
    {
        Dictionary<string, long> before = await CommandCountsAsync(Server);
        await operation();
        Dictionary<string, long> after = await CommandCountsAsync(Server);
        return after.Where(count => count.Key is not ("info" or "command|docs")).Sum(count => count.Value - before.GetValueOrDefault(count.Key));
    }

    protected static async Task<LatchworkStoreException> ShouldBeRefusedAsync(Func<Task> operation)
    {
        LatchworkStoreException e = await Should.ThrowAsync<LatchworkStoreException>(operation);
        e.Outcome.ShouldBe(StoreOutcome.NotApplied);
        return e;
    }
}
