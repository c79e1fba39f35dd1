using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>One membership takes the place of another, and a handler that ends its own.</summary>
public abstract class EngineMembershipSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    private const int Rounds = 40;

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task A_join_right_after_a_leave_stands(bool awaitsJoin, bool awaitsLeave)
    {
        DistributedTimer timer = NewTimer();
        var node = new Node(timer, (_, _) => Task.CompletedTask);
        for (int round = 1; round <= Rounds; round++)
        {
            Task first = timer.JoinAsync(node.HandleAsync);
            if (awaitsJoin) await first;
            Task leaving = timer.LeaveAsync();
            if (awaitsLeave) await leaving;
            await timer.JoinAsync(node.HandleAsync).WaitAsync(TestTimeout);
            await leaving.WaitAsync(TestTimeout);
            timer.IsJoined.ShouldBeTrue($"round {round}");

            // It listens, and the store knows it.
            await timer.PostAsync(round, TimeSpan.Zero, new() { Id = $"{round}" });
            await node.NthAsync(round);
            (await timer.GetNodesAsync()).Select(one => one.NodeId).ShouldBe([timer.NodeId]);

            // The first join was told to leave before it had joined, or after.
            await first.ContinueWith(static _ => { }, TaskScheduler.Default);
            (first.IsCompletedSuccessfully || first.IsCanceled).ShouldBeTrue($"{first.Exception}");
            await timer.LeaveAsync().WaitAsync(TestTimeout);
            timer.IsJoined.ShouldBeFalse();
        }

        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Joins_and_leaves_from_many_threads_end_with_what_was_asked_for_last()
    {
        DistributedTimer timer = NewTimer();
        var node = new Node(timer, (_, _) => Task.CompletedTask);
        for (int round = 0; round < 10; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
            {
                try
                {
                    if (i % 2 == 0) await timer.JoinAsync(node.HandleAsync);
                    else await timer.LeaveAsync();
                }
                catch (Exception e) when (e is InvalidOperationException or OperationCanceledException)
                {
                    i.ShouldBeInRange(0, 6); // joined already, or told to leave; a leave never fails
                    (i % 2).ShouldBe(0);
                }
            }))).WaitAsync(TestTimeout);
            await timer.LeaveAsync().WaitAsync(TestTimeout);
            timer.IsJoined.ShouldBeFalse();
            (await timer.GetNodesAsync()).ShouldBeEmpty();
        }

        await timer.JoinAsync(node.HandleAsync);
        timer.IsJoined.ShouldBeTrue();
        await timer.PostAsync(1, TimeSpan.Zero);
        await node.NthAsync(1);
    }

    [Fact]
    public async Task A_join_that_waits_for_a_leave_can_be_given_up_and_the_next_one_waits_for_the_leave_all_the_same()
    {
        await StopTimeAsync();
        var finish = new TaskCompletionSource();
        Node node = await JoinAsync((_, _) => finish.Task, o => o.ShutdownTimeout = TimeSpan.FromHours(20));
        await node.Timer.PostAsync(1, TimeSpan.Zero);
        await node.NthAsync(1);
        Task leaving = node.Timer.LeaveAsync();
        using var given = new CancellationTokenSource();
        Task second = node.Timer.JoinAsync(node.HandleAsync, given.Token);
        await Should.ThrowAsync<InvalidOperationException>(() => node.Timer.JoinAsync(node.HandleAsync));
        await given.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => second);

        Task third = node.Timer.JoinAsync(node.HandleAsync);
        (leaving.IsCompleted, third.IsCompleted, node.Timer.IsJoined).ShouldBe((false, false, false));
        finish.SetResult();
        await leaving.WaitAsync(TestTimeout);
        await third.WaitAsync(TestTimeout);
        node.Timer.IsJoined.ShouldBeTrue();
    }

    [Theory]
    [InlineData("leave")]
    [InlineData("leave with the handler's token")]
    [InlineData("dispose")]
    public async Task A_handler_that_ends_its_own_node_does_not_wait_for_itself_and_is_confirmed(string how)
    {
        await StopTimeAsync(); // so that whatever waits for a bound waits forever
        DistributedTimer? timer = null;
        var both = new Barrier();
        Node node = await JoinAsync(async (_, cancellationToken) =>
        {
            await both.ArriveAsync();
            if (how == "dispose") await timer!.DisposeAsync();
            else await timer!.LeaveAsync(how == "leave" ? CancellationToken.None : cancellationToken);
        });
        timer = node.Timer;
        DistributedTimer observer = NewTimer();
        foreach (string id in (string[])["a", "b"]) await observer.PostAsync(1, TimeSpan.Zero, new() { Id = id, MaxRetries = 0 });

        // Two at once, neither of which waits for the other.
        await EventuallyAsync(() => node.Got.Count == 2, "both have begun");
        await EmptyAsync(observer);
        (await observer.GetStatsAsync()).DeadLetters.ShouldBe(0);
        await Eventually.ReadsAsync(() => observer.GetNodesAsync(), nodes => nodes.Count == 0, "the leave went on when the handlers had returned");
        await timer.LeaveAsync().WaitAsync(TestTimeout);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_handler_that_leaves_waits_for_the_other_handlers()
    {
        await StopTimeAsync();
        DistributedTimer? timer = null;
        var begun = new TaskCompletionSource();
        var finish = new TaskCompletionSource();
        var left = new TaskCompletionSource();
        Node node = await JoinAsync(
            async (delivery, _) =>
            {
                if (delivery.Id == "other")
                {
                    begun.SetResult();
                    await finish.Task;
                    return;
                }

                await begun.Task;
                await timer!.LeaveAsync();
                left.SetResult();
            },
            o => o.ShutdownTimeout = TimeSpan.FromHours(20));
        timer = node.Timer;
        foreach (string id in (string[])["other", "leaves"]) await timer.PostAsync(1, TimeSpan.Zero, new() { Id = id });
        await EventuallyAsync(() => node.Got.Count == 2 && node.Got.All(one => one.StopReason == StopReason.NodeLeaving), "the leave has begun");
        left.Task.IsCompleted.ShouldBeFalse();
        finish.SetResult();
        await left.Task.WaitAsync(TestTimeout);
        await timer.LeaveAsync().WaitAsync(TestTimeout);
        await EmptyAsync(timer);
    }

    [Fact]
    public async Task A_handler_cannot_wait_to_join_again_while_its_own_node_leaves_but_what_it_leaves_behind_can()
    {
        DistributedTimer? timer = null;
        var refused = new TaskCompletionSource<Exception>();
        var again = new TaskCompletionSource();
        var returned = new TaskCompletionSource();
        Node? node = null;
        node = await JoinAsync(async (delivery, _) =>
        {
            if (delivery.Id != "first") return;
            await timer!.LeaveAsync();
            refused.SetResult(await Should.ThrowAsync<InvalidOperationException>(() => timer.JoinAsync(node!.HandleAsync)));
            Task later = JoinLaterAsync();
            later.IsCompleted.ShouldBeFalse();
        });
        timer = node.Timer;
        await timer.PostAsync(1, TimeSpan.Zero, new() { Id = "first" });
        (await refused.Task.WaitAsync(TestTimeout)).Message.ShouldContain("its own node is leaving");
        await EventuallyAsync(() => node.Got.Single().HasReturned, "the handler has returned");
        returned.SetResult();
        await again.Task.WaitAsync(TestTimeout);
        await timer.PostAsync(1, TimeSpan.Zero, new() { Id = "second" });
        await node.NthAsync(2);

        // It flows from the handler, and is none any more.
        async Task JoinLaterAsync()
        {
            await returned.Task;
            await timer!.LeaveAsync();
            await timer.JoinAsync(node!.HandleAsync);
            again.SetResult();
        }
    }

    [Fact]
    public async Task What_fails_after_the_leave_has_given_up_on_it_is_observed()
    {
        var unobserved = new System.Collections.Concurrent.ConcurrentQueue<Exception>();
        void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs e) => unobserved.Enqueue(e.Exception);
        string[] operations = ["ClaimAsync", "LeaveAsync", "ReleaseAsync"];
        Node leaving = await JoinAsync(configure: o => o.ShutdownTimeout = TimeSpan.Zero);
        Dictionary<string, TaskCompletionSource> holds = operations.ToDictionary(operation => operation, Faults.Hold);
        TaskScheduler.UnobservedTaskException += OnUnobserved;
        try
        {
            await leaving.Timer.PostAsync(1, TimeSpan.Zero);
            await leaving.Timer.LeaveAsync().WaitAsync(TestTimeout);

            // The store is closed, and fails what it still had.
            string mark = $"closed {Namespace}";
            foreach ((string operation, TaskCompletionSource hold) in holds)
            {
                hold.SetException(new ObjectDisposedException(mark));
                Faults.Release(operation);
            }

            await leaving.Timer.DisposeAsync();
            for (int i = 0; i < 5; i++)
            {
                await Task.Yield();
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }

            unobserved.ShouldNotContain(e => e.ToString().Contains(mark, StringComparison.Ordinal));
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= OnUnobserved;
        }
    }

    /// <summary>Two that wait for each other.</summary>
    private sealed class Barrier
    {
        private readonly TaskCompletionSource _both = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _arrived;

        public Task ArriveAsync()
        {
            if (Interlocked.Increment(ref _arrived) == 2) _both.SetResult();
            return _both.Task;
        }
    }
}
