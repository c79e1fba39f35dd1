using System.Diagnostics;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>
/// The thread pool is blocked by real threads, as by handlers that wait synchronously. To be derived in a collection that runs alone.
/// </summary>
public abstract class EngineBlockedPoolSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    [Fact]
    public async Task A_pool_that_is_blocked_for_longer_than_a_lease_loses_no_lease()
    {
        // The leases are as long as they are because they must survive a machine that stalls for seconds; and the pool is blocked for longer.
        var finish = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Node node = await JoinAsync((_, _) => finish.Task, o => (o.LeaseDuration, o.MaxConcurrency) = (Seconds(9), 1));
        await WarmUpAsync(node);
        await node.Timer.PostAsync([.. Enumerable.Range(0, 5).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}", MaxRetries = 1 }))]);
        await node.NthAsync(1); // what was claimed beside it waits for its place, and goes back when it has not started after a second

        using var fourThirds = new CountdownEvent(4);
        using (new BlockedPool())
        {
            Faults.Answered = operation =>
            {
                if (operation == nameof(ITimerStore.ExtendAsync) && !fourThirds.IsSet) fourThirds.Signal();
            };
            fourThirds.Wait(TestTimeout).ShouldBeTrue("four extensions while the pool was blocked");
            Faults.Answered = null;
        }

        node.Got.Single().Stopping.IsCancellationRequested.ShouldBeFalse();
        finish.SetResult();
        await EmptyAsync(node.Timer);
        node.Ids.Order().ShouldBe(["0", "1", "2", "3", "4"]);
        node.Got.ShouldAllBe(delivery => delivery.Retries == 0);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_node_whose_pool_is_blocked_takes_nothing_new()
    {
        Node node = await JoinAsync();
        // A node of another process: it listens, but on a pool of its own it would claim. Here it only posts from a thread of its own.
        DistributedTimer poster = NewTimer();
        await poster.PostAsync(0, Seconds(60));
        if (!AnswersWithoutPool) await poster.PostAsync(1, Seconds(2)); // it falls due while the pool is blocked
        var sincePosted = Stopwatch.StartNew();
        using var posted = new ManualResetEventSlim();
        using (new BlockedPool())
        {
            int claims = Faults.Calls(nameof(ITimerStore.ClaimAsync));
            Faults.Answered = operation =>
            {
                if (operation == nameof(ITimerStore.PostAsync)) posted.Set();
            };
            if (AnswersWithoutPool)
            {
                new Thread(() => poster.PostAsync(1, TimeSpan.Zero)).Start();
                posted.Wait(TestTimeout).ShouldBeTrue();
            }
            else
            {
                SpinWait.SpinUntil(() => sincePosted.Elapsed > Seconds(4));
            }

            Faults.Calls(nameof(ITimerStore.ClaimAsync)).ShouldBeLessThanOrEqualTo(claims + 1);
            Faults.Answered = null;
        }

        await node.NthAsync(1);
    }
}
