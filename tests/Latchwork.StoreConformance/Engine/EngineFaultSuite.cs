using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>A store that fails, loses replies or loses notifications.</summary>
public abstract class EngineFaultSuite(StoreFixture fixture) : EngineSuite(fixture)
{
    [Fact]
    public async Task A_claim_whose_reply_is_lost_is_repeated_and_brings_the_same_events()
    {
        Node node = await JoinAsync(configure: o => o.LeaseDuration = Seconds(60));
        await EventuallyAsync(() => !Faults.Claims.IsEmpty, "the first claim");
        Faults.Fail(nameof(Faults.ClaimAsync), Fault.ReplyLost, Fault.RequestLost, Fault.ReplyLost);
        await node.Timer.PostAsync([.. Enumerable.Range(0, 5).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}" }))]);

        // Long before any lease runs out.
        await EmptyAsync(node.Timer);
        node.Ids.Order().ShouldBe(["0", "1", "2", "3", "4"]);
        node.Got.ShouldAllBe(delivery => delivery.Retries == 0);
        node.Got.Select(delivery => delivery.Token).ShouldAllBe(token => Faults.Claims.Any(claim => claim.ClaimToken == token));
        Faults.Claims.GroupBy(claim => claim.ClaimToken).Max(group => group.Count()).ShouldBeGreaterThan(1);
    }

    [Fact]
    public async Task What_a_repeated_claim_brings_with_no_retry_left_goes_back_immediately_if_no_handler_is_free()
    {
        await StopTimeAsync();
        Faults.Partitions = 2;
        string last = IdsIn(0, 2).First();
        string hangs = IdsIn(1, 2).First();
        bool isLost = true;
        bool hasCome = false;
        Faults.AfterClaim = (partition, claim) =>
        {
            if (partition.Index != 0 || claim.Events.Count == 0) return Task.CompletedTask;
            if (Volatile.Read(ref isLost)) return Task.FromException(new LatchworkStoreException("The reply was lost by the test.", StoreOutcome.Unknown) { IsTransient = true });
            Volatile.Write(ref hasCome, true);
            return Task.CompletedTask;
        };
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Node node = await JoinAsync((delivery, _) => delivery.Id == hangs ? end.Task : Task.CompletedTask, o => o.MaxConcurrency = 1);
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = last });
        await AdvanceUntilAsync(() => Faults.Answers.Any(claim => claim.Events.Count > 0), Ms(10), "it is claimed, and nobody knows");
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = hangs });
        await AdvanceUntilAsync(() => node.Got.Count == 1, Ms(10), "another partition has the handler");

        Volatile.Write(ref isLost, false);
        await AdvanceUntilAsync(() => Volatile.Read(ref hasCome), Ms(10), "the repeated claim is answered");

        // No time passes from here on.
        await Eventually.ReadsAsync(() => node.Timer.PeekAsync(last), one => one?.State == TimerState.Scheduled, "it is handed back");
        end.SetResult();
        await AdvanceUntilAsync(() => node.Got.Count == 2, Ms(10), "it runs when the handler is free");
        (node.Got.Last().Id, node.Got.Last().Retries).ShouldBe((last, 0));
    }

    [Theory]
    [InlineData(Fault.ThrowsAtOnce)]
    [InlineData(Fault.FailedTask)]
    [InlineData(Fault.FailsLater)]
    public async Task Failing_claims_never_stop_the_polling(Fault fault)
    {
        Node node = await JoinAsync();
        Faults.Fail(nameof(Faults.ClaimAsync), fault, fault, fault);
        await node.Timer.PostAsync(1, TimeSpan.Zero);
        await node.NthAsync(1);
        await EmptyAsync(node.Timer);
        await EventuallyAsync(() => Errors.Count >= 3, "every failure was reported");
        Errors.Count.ShouldBe(3);
        Errors.ShouldAllBe(error => error.Exception is LatchworkStoreException && error.EventId == null);
    }

    [Fact]
    public async Task With_every_notification_lost_events_are_delivered_within_three_seconds()
    {
        ManualTimeProvider clock = await StopTimeAsync();
        Faults.DropNotifications = true;
        Node[] nodes = [await JoinAsync(), await JoinAsync(), await JoinAsync()];
        await NewTimer().PostAsync(1, Ms(100));

        // Nobody knows of it; but each looks when its poll slot comes.
        Faults.Answers.ShouldAllBe(answer => answer.AskAgainIn <= Seconds(3));
        await clock.AdvanceToNextAsync(Seconds(1), "a node's poll slot");
        await EventuallyAsync(() => nodes.Any(node => !node.Got.IsEmpty), "delivered");
        nodes.Single(node => !node.Got.IsEmpty).Got.Single().Lateness.ShouldBeLessThan(Seconds(1));
    }

    [Fact]
    public async Task A_notification_that_is_heard_while_a_claim_is_under_way_is_not_undone_by_its_reply()
    {
        // The reply names the node's next poll slot, which never comes: if it undid the notification, nothing would be delivered.
        await StopTimeAsync();
        DistributedTimer other = NewTimer();
        TimerPartition itsOwn = TimerPartition.Of(Namespace, "a", await Store.Timers.OpenAsync(Namespace, CancellationToken.None));
        int posted = 0;
        Faults.AfterClaim = async (partition, _) =>
        {
            // After the store has answered "nothing for a long time", and before the engine hears it.
            if (partition != itsOwn || Interlocked.Exchange(ref posted, 1) == 1) return;
            await other.PostAsync("in between", TimeSpan.Zero, new() { Id = "a" });
            await EventuallyAsync(() => Faults.NotificationsReceived(WakeNotificationKind.Due) > 0, "the notification");
        };
        Node node = await JoinAsync();
        await node.NthAsync(1);
        await EmptyAsync(other);
    }

    [Theory]
    [InlineData(Fault.ThrowsAtOnce)]
    [InlineData(Fault.FailedTask)]
    [InlineData(Fault.FailsLater)]
    [InlineData(Fault.RequestLost)]
    public async Task A_confirm_that_fails_is_repeated(Fault fault)
    {
        Faults.Fail(nameof(Faults.ConfirmAsync), fault, fault);
        Node node = await JoinAsync();
        await node.Timer.PostAsync(1, TimeSpan.Zero);
        await EmptyAsync(node.Timer);
        node.Got.Count.ShouldBe(1);
        Faults.Calls(nameof(Faults.ConfirmAsync)).ShouldBe(3);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_repeated_confirm_that_finds_nothing_is_reported_as_unknown()
    {
        Faults.Fail(nameof(Faults.ConfirmAsync), Fault.ReplyLost);
        Node node = await JoinAsync();
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        await EventuallyAsync(() => Errors.Count == 1, "the error");
        var error = Errors.Single().Exception.ShouldBeOfType<LatchworkStoreException>();
        (error.Outcome, Errors.Single().EventId).ShouldBe((StoreOutcome.Unknown, "a"));
        await EmptyAsync(node.Timer);
        node.Got.Count.ShouldBe(1);

        Faults.Fail(nameof(Faults.ConfirmAsync), Fault.ReplyLost);
        Node manual = await JoinAsync(configure: o => o.Confirmation = Confirmation.Manual);
        await node.Timer.LeaveAsync();
        await manual.Timer.PostAsync(1, TimeSpan.Zero);
        TimerDelivery delivery = await manual.NthAsync(1);
        (await Should.ThrowAsync<LatchworkStoreException>(() => delivery.ConfirmAsync())).Outcome.ShouldBe(StoreOutcome.Unknown);
    }

    [Fact]
    public async Task A_post_with_an_unknown_outcome_is_not_repeated_and_one_that_was_refused_says_so()
    {
        DistributedTimer timer = NewTimer();
        Faults.Fail(nameof(Faults.PostAsync), Fault.ReplyLost, Fault.ThrowsAtOnce, Fault.FailedTask, Fault.FailsLater);
        (await Should.ThrowAsync<LatchworkStoreException>(() => timer.PostAsync(1, Seconds(60), new() { Id = "a" }))).Outcome.ShouldBe(StoreOutcome.Unknown);
        Faults.Calls(nameof(Faults.PostAsync)).ShouldBe(1);
        (await timer.PeekAsync("a")).ShouldNotBeNull();
        for (int i = 0; i < 3; i++)
        {
            (await Should.ThrowAsync<LatchworkStoreException>(() => timer.PostAsync(1, Seconds(60), new() { Id = "b" }))).Outcome.ShouldBe(StoreOutcome.NotApplied);
        }

        (await timer.PeekAsync("b")).ShouldBeNull();
        (await timer.PostAsync(1, Seconds(60), new() { Id = "b" })).Outcome.ShouldBe(PostOutcome.Created);
    }

    [Theory]
    [InlineData(Fault.ThrowsAtOnce)]
    [InlineData(Fault.FailsLater)]
    public async Task A_namespace_that_could_not_be_opened_is_opened_by_the_next_call(Fault fault)
    {
        DistributedTimer timer = NewTimer();
        Faults.Fail(nameof(Faults.OpenAsync), fault);
        await Should.ThrowAsync<LatchworkStoreException>(() => timer.PostAsync(1, Seconds(60)));
        await timer.PostAsync(1, Seconds(60));
        await timer.PostAsync(1, Seconds(60));
        Faults.Calls(nameof(Faults.OpenAsync)).ShouldBe(2);
    }

    [Theory]
    [InlineData(nameof(ITimerStore.OpenAsync))]
    [InlineData(nameof(ITimerStore.SubscribeAsync))]
    [InlineData(nameof(ITimerStore.ClaimAsync))]
    public async Task A_join_that_fails_leaves_nothing_behind_and_can_be_repeated(string operation)
    {
        Node node = new(NewTimer(), (_, _) => Task.CompletedTask);
        Faults.Fail(operation, Fault.FailsLater);
        await Should.ThrowAsync<LatchworkStoreException>(() => node.Timer.JoinAsync(node.HandleAsync));
        node.Timer.IsJoined.ShouldBeFalse();
        await node.Timer.JoinAsync(node.HandleAsync);
        node.Timer.IsJoined.ShouldBeTrue();
        await node.Timer.PostAsync(1, TimeSpan.Zero);
        await node.NthAsync(1);
    }

    [Fact]
    public async Task A_batch_of_which_a_piece_failed_tells_what_is_known_of_each_event()
    {
        Faults.Partitions = 1; // the pieces are known then
        DistributedTimer timer = NewTimer();
        await timer.GetStatsAsync();
        Faults.Fail(nameof(Faults.PostAsync), Fault.FailsLater);
        TimerPost[] posts = [.. Enumerable.Range(0, 500).Select(i => new TimerPost("{}"u8.ToArray(), Seconds(60), new() { Id = $"{i}" }))];
        var failure = await Should.ThrowAsync<TimerBatchException>(() => timer.PostAsync(posts));
        failure.Results.Count.ShouldBe(500);
        failure.Results.Take(200).ShouldAllBe(result => result == null);
        failure.Outcomes.Zip(failure.Results).ShouldAllBe(one => one.First == (one.Second == null ? StoreOutcome.NotApplied : null));
        for (int i = 0; i < posts.Length; i += 50)
        {
            (await timer.PeekAsync($"{i}") is not null).ShouldBe(failure.Results[i] is { Outcome: PostOutcome.Created });
        }
    }

    [Fact]
    public async Task A_leave_does_not_end_on_a_thread_of_the_store_nor_does_a_join_that_it_interrupts()
    {
        using var reader = new ReaderThread();
        Node node = await JoinAsync();
        TaskCompletionSource hold = Faults.HoldInline(nameof(ITimerStore.LeaveAsync));
        Task<Thread> left = EndsOnAsync(node.Timer.LeaveAsync());
        await Eventually.HoldsAsync(() => Faults.Calls(nameof(ITimerStore.LeaveAsync)) > 0, "it leaves");
        Faults.Release(nameof(ITimerStore.LeaveAsync));
        await reader.RunAsync(hold.SetResult);
        (await left).ShouldNotBe(reader.Thread);

        // What a join gives up goes on in the code of whoever joined: a host that stops, say, and may block until the store is closed.
        using var stop = new CancellationTokenSource();
        TaskCompletionSource claim = Faults.Hold(nameof(ITimerStore.ClaimAsync));
        int claims = Faults.Calls(nameof(ITimerStore.ClaimAsync));
        Task<Thread> joined = EndsOnAsync(node.Timer.JoinAsync((_, _) => Task.CompletedTask, stop.Token));
        await Eventually.HoldsAsync(() => Faults.Calls(nameof(ITimerStore.ClaimAsync)) > claims, "it joins");
        int leaves = Faults.Calls(nameof(ITimerStore.LeaveAsync));
        hold = Faults.HoldInline(nameof(ITimerStore.LeaveAsync));
        await stop.CancelAsync();
        Faults.Release(nameof(ITimerStore.ClaimAsync));
        claim.SetResult();
        await Eventually.HoldsAsync(() => Faults.Calls(nameof(ITimerStore.LeaveAsync)) > leaves, "it gives up");
        Faults.Release(nameof(ITimerStore.LeaveAsync));
        await reader.RunAsync(hold.SetResult);
        (await joined).ShouldNotBe(reader.Thread);

        static async Task<Thread> EndsOnAsync(Task call)
        {
            await call.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return Thread.CurrentThread;
        }
    }

    [Fact]
    public async Task Nothing_of_the_users_continues_on_a_thread_of_the_store()
    {
        // The store's reader thread: replies are completed inline on it.
        using var reader = new ReaderThread();
        DistributedTimer timer = NewTimer();
        await timer.PostAsync(1, Seconds(60), new() { Id = "a", MaxRetries = 1 });
        foreach ((string operation, Func<Task> call) in (IEnumerable<(string, Func<Task>)>)
        [
            (nameof(ITimerStore.PeekAsync), () => timer.PeekAsync("a")),
            (nameof(ITimerStore.PostAsync), () => timer.PostAsync(1, Seconds(60))),
            (nameof(ITimerStore.PostAsync), () => timer.PostAsync([new TimerPost("{}"u8.ToArray(), Seconds(60))])),
            (nameof(ITimerStore.ChangeDelayAsync), () => timer.ChangeDelayAsync("a", Seconds(70))),
            (nameof(ITimerStore.ConfirmAsync), () => timer.ConfirmAsync("a", "token")),
            (nameof(ITimerStore.UpcomingAsync), async () => await timer.UpcomingAsync().GetAsyncEnumerator().MoveNextAsync()),
            (nameof(ITimerStore.DeadLettersAsync), async () => await timer.DeadLetters.ListAsync().GetAsyncEnumerator().MoveNextAsync()),
            (nameof(ITimerStore.CancelAsync), () => timer.CancelAsync("a")),
        ])
        {
            int calls = Faults.Calls(operation);
            TaskCompletionSource hold = Faults.HoldInline(operation);
            Task<Thread> after = ContinueAsync(call());
            await EventuallyAsync(() => Faults.Calls(operation) > calls, operation);
            await reader.RunAsync(hold.SetResult);
            (await after).ShouldNotBe(reader.Thread, operation);
            Faults.Release(operation);
        }

        static async Task<Thread> ContinueAsync(Task task)
        {
            await task.ConfigureAwait(false);
            return Thread.CurrentThread;
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(8)]
    public async Task A_batch_that_is_cancelled_when_pieces_were_sent_hides_nothing_that_is_known(int pieces)
    {
        DistributedTimer timer = NewTimer();
        await timer.GetStatsAsync(); // the partitions are known from here on
        TaskCompletionSource hold = Faults.Hold(nameof(Faults.PostAsync));
        using var cancel = new CancellationTokenSource();
        TimerPost[] posts = [.. Enumerable.Range(0, pieces).Select(_ => new TimerPost(new byte[Limits.MaxBatchBytes], TimeSpan.FromHours(1)))];
        Task<IReadOnlyList<PostResult>> posting = timer.PostAsync(posts, cancel.Token);
        int sent = Math.Min(pieces, 4);
        await Eventually.ReadsAsync(() => timer.GetStatsAsync(), stats => stats.Scheduled == sent, "what is under way is stored");
        await cancel.CancelAsync();
        Faults.Release(nameof(Faults.PostAsync));
        hold.SetResult();

        if (pieces == sent)
        {
            (await posting).ShouldAllBe(result => result.Outcome == PostOutcome.Created);
        }
        else
        {
            TimerBatchException cut = await Should.ThrowAsync<TimerBatchException>(() => posting);
            cut.InnerException.ShouldBeAssignableTo<OperationCanceledException>();
            int known = cut.Results.Count(result => result is { Outcome: PostOutcome.Created });
            (await timer.GetStatsAsync()).Scheduled.ShouldBe(known);
            known.ShouldBeInRange(sent, pieces - 1);
            cut.Outcomes.Count(outcome => outcome == StoreOutcome.NotApplied).ShouldBe(pieces - known);
        }
    }
}
