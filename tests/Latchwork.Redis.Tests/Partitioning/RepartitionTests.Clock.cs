using Latchwork.Storage;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Partitioning;

/// <content>Each partition has a clock of its own.</content>
public sealed partial class RepartitionTests
{
    [Theory]
    [InlineData(1, 5)]
    [InlineData(5, 2)]
    public async Task Absolute_times_are_those_of_the_servers_clock_whatever_offsets_the_partitions_have(int from, int to)
    {
        RedisStore old = await ConnectAsync(from);
        DateTimeOffset at = _clock.GetUtcNow().AddHours(30);
        string[] ids = [.. Enumerable.Range(0, 20).Select(i => $"{i}")];
        await PostAsync("before");
        _clock.Shift(TimeSpan.FromHours(20));
        await AskAsync(old, from);
        await PostAsync("during");
        _clock.Shift(-TimeSpan.FromHours(20));
        await PostAsync("after", isNoticed: false);
        LetNodesDie();

        (await RepartitionAsync(old, to)).Obstacle.ShouldBeNull();

        RedisStore next = await ConnectAsync(to);
        foreach (string id in (string[])[.. ids.Select(id => $"before {id}"), .. ids.Select(id => $"during {id}"), .. ids.Select(id => $"after {id}")])
        {
            (await next.Timers.PeekAsync(TimerPartition.Of(_ns, id, to), id, default)).ShouldNotBeNull(id).Due.ShouldBe(at, id);
        }

        (await AskAsync(next, to)).ShouldBe(0);
        _clock.Advance(at - _clock.GetUtcNow() - TimeSpan.FromMilliseconds(1));
        (await AskAsync(next, to)).ShouldBe(0);
        _clock.Advance(TimeSpan.FromMilliseconds(2));
        (await AskAsync(next, to)).ShouldBe(3 * ids.Length);

        async Task PostAsync(string name, bool isNoticed = true)
        {
            // The partitions notice at different times what the clock has done, and some of them only by what is posted.
            foreach (string id in ids)
            {
                var entry = new TimerEntry($"{name} {id}", at, new byte[1], 0, IfExists.Replace, null, IdIsNew: false);
                await old.Timers.PostAsync(TimerPartition.Of(_ns, entry.Id, from), [entry], default);
                if (!isNoticed) _clock.Advance(TimeSpan.FromMilliseconds(10));
            }
        }

        async Task<int> AskAsync(RedisStore store, int partitions)
        {
            int count = 0;
            for (int i = 0; i < partitions; i++)
            {
                var request = new ClaimRequest("n", Guid.NewGuid().ToString("N"), 200, 200, 0, TimeSpan.FromSeconds(10), _keepDeadLetters);
                count += (await store.Timers.ClaimAsync(new TimerPartition(_ns, i), request, default)).Events.Count;
            }

            return count;
        }
    }
}
