using System.Collections.Concurrent;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>Many callers and several nodes immediately; in the end everything is accounted for.</summary>
public abstract class EngineStressSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    [Fact]
    public async Task Every_post_is_delivered_or_was_cancelled_or_replaced_and_none_twice()
    {
        const int Writers = 8, Each = 250;
        var delivered = new ConcurrentDictionary<string, int>();
        var failedOnce = new ConcurrentDictionary<string, bool>();
        Node[] nodes = await Task.WhenAll(Enumerable.Range(0, 3).Select(n => JoinAsync(
            (delivery, _) =>
            {
                if (delivery.Id.EndsWith('3') && failedOnce.TryAdd(delivery.Id, true)) throw new TimeoutException("the first time");
                delivered.AddOrUpdate(delivery.Read<string>()!, 1, (_, count) => count + 1);
                return Task.CompletedTask;
            })));

        var expected = new ConcurrentDictionary<string, bool>();
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(async () =>
        {
            DistributedTimer timer = nodes[writer % nodes.Length].Timer;
            var random = new Random(writer);
            for (int i = 0; i < Each; i++)
            {
                string id = $"{writer}-{i}";
                bool soon = random.Next(2) == 0;
                (await timer.PostAsync($"{id}/1", soon ? Ms(random.Next(20)) : Seconds(600), new() { Id = id, MaxRetries = 2 })).Outcome.ShouldBe(PostOutcome.Created);
                if (soon)
                {
                    expected[$"{id}/1"] = true;
                    continue;
                }

                // It waits for ten minutes unless something happens to it.
                switch (random.Next(3))
                {
                    case 0:
                        (await timer.CancelAsync(id)).ShouldBe(TimerOutcome.Done);
                        break;
                    case 1:
                        (await timer.PostAsync($"{id}/2", Ms(random.Next(20)), new() { Id = id, MaxRetries = 2 })).Outcome.ShouldBe(PostOutcome.Replaced);
                        expected[$"{id}/2"] = true;
                        break;
                    default:
                        (await timer.ChangeDelayAsync(id, Ms(random.Next(20)))).ShouldBe(TimerOutcome.Done);
                        expected[$"{id}/1"] = true;
                        break;
                }
            }
        })));

        await EmptyAsync(nodes[0].Timer);
        delivered.Keys.Order().ShouldBe(expected.Keys.Order());
        delivered.Values.ShouldAllBe(count => count == 1);
        (await nodes[0].Timer.GetStatsAsync()).DeadLetters.ShouldBe(0);
        Errors.Select(error => error.Exception).Where(exception => exception is not TimeoutException).Select(exception => exception.ToString()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Nodes_that_come_and_go_lose_nothing_and_spend_no_retry()
    {
        // On a clock that hardly moves: else a leave whose bounds are over leaves behind what it has not handed back.
        ManualTimeProvider clock = await StopTimeAsync();
        const int Count = 1500;
        Node stays = await JoinAsync();
        DistributedTimer poster = NewTimer();
        var comers = new ConcurrentBag<Node>();
        Task coming = Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            Node node = new(NewTimer(), (_, _) => Task.CompletedTask);
            comers.Add(node);
            for (int i = 0; i < 8; i++)
            {
                await node.Timer.JoinAsync(node.HandleAsync);
                await node.Timer.LeaveAsync();
            }
        })));
        for (int i = 0; i < Count; i += 50)
        {
            await poster.PostAsync([.. Enumerable.Range(i, 50).Select(n => new TimerPost("{}"u8.ToArray(), Ms(n % 40), new() { Id = $"{n}" }))]);
            clock.Advance(Ms(5));
        }

        await coming;
        await clock.AdvanceUntilAsync(async () => await poster.GetStatsAsync() is { Scheduled: 0, InFlight: 0 }, Ms(1), "all are handled");
        TimerDelivery[] all = [.. comers.Append(stays).SelectMany(node => node.Got)];
        all.Select(delivery => int.Parse(delivery.Id)).Order().ShouldBe(Enumerable.Range(0, Count));
        all.ShouldAllBe(delivery => delivery.Retries == 0);
        Errors.ShouldBeEmpty();
    }
}
