using System.Text.Json;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <summary>From post to confirm, retry and death.</summary>
public abstract class EngineDeliverySuite(StoreFixture fixture) : EngineSuite(fixture)
{
    [Fact]
    public async Task An_event_reaches_the_handler_as_it_was_posted_and_is_gone_when_it_returns()
    {
        Node node = await JoinAsync();
        byte[] payload = [0, 255, 1, 254, 10];
        PostResult posted = await node.Timer.PostAsync(payload, Ms(30), new() { Id = "a", MaxRetries = 3, Headers = new Dictionary<string, string> { ["k"] = "v" } });
        posted.ShouldBe(new PostResult("a", PostOutcome.Created));

        TimerDelivery delivery = await node.NthAsync(1);
        delivery.Payload.ToArray().ShouldBe(payload);
        delivery.Headers["k"].ShouldBe("v");
        delivery.Namespace.ShouldBe(Namespace);
        (delivery.Retries, delivery.MaxRetries).ShouldBe((0, 3));
        delivery.Lateness.ShouldBeGreaterThanOrEqualTo(TimeSpan.Zero);
        await EmptyAsync(node.Timer);
        (await node.Timer.PeekAsync("a")).ShouldBeNull();
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task Values_travel_as_json_and_unreadable_ones_are_the_handlers_affair()
    {
        int read = 0;
        Exception? thrown = null;
        Node node = await JoinAsync((delivery, _) =>
        {
            if (delivery.Id == "good") read = delivery.Read<Dictionary<string, int>>()!["n"];
            else thrown = Should.Throw<JsonException>(() => delivery.Read<int>());
            return Task.CompletedTask;
        });
        await node.Timer.PostAsync(new { N = 7 }, TimeSpan.Zero, new() { Id = "good" });
        await node.Timer.PostAsync("{]"u8.ToArray(), TimeSpan.Zero, new() { Id = "bad" });
        await node.NthAsync(2);
        await EventuallyAsync(() => read == 7 && thrown is not null, "both read");
    }

    [Fact]
    public async Task A_failing_handler_spends_retries_with_a_backoff_and_then_the_event_is_dead_with_its_failures()
    {
        string text = new('ü', 4000);
        Node node = await JoinAsync((_, _) => throw new InvalidOperationException(text));
        await node.Timer.PostAsync("x"u8.ToArray(), TimeSpan.Zero, new() { Id = "a", MaxRetries = 2 });
        await node.NthAsync(3);
        TimerSnapshot dead = (await Eventually.ReadsAsync(() => node.Timer.PeekAsync("a"), s => s?.State == TimerState.DeadLettered, "dead"))!;

        node.Got.Select(delivery => delivery.Retries).ShouldBe([0, 1, 2]);
        dead.DeadLetterReason.ShouldBe(DeadLetterReason.RetriesExhausted);
        dead.Failures.Select(failure => failure.Attempt).ShouldBe([1, 2, 3]);
        dead.Failures[0].Error.ShouldStartWith("InvalidOperationException: ü");
        System.Text.Encoding.UTF8.GetByteCount(dead.Failures[0].Error).ShouldBeInRange(1000, Limits.MaxErrorBytes);
        dead.Failures[0].NodeId.ShouldBe(node.Timer.NodeId);
        await EventuallyAsync(() => Errors.Count == 3, "three errors");
        Errors.ShouldAllBe(error => error.EventId == "a" && error.Exception is InvalidOperationException);
    }

    [Fact]
    public async Task Bytes_are_posted_as_they_are_however_they_are_held()
    {
        DistributedTimer timer = NewTimer();
        byte[] around = [9, 0, 255, 7, 9];
        byte[] bytes = around[1..4];
        await timer.PostAsync(bytes, Seconds(60), new() { Id = "array" });
        await timer.PostAsync(bytes.AsMemory(), Seconds(60), new() { Id = "memory" });
        await timer.PostAsync((ReadOnlyMemory<byte>)bytes, Seconds(60), new() { Id = "read-only memory" });
        await timer.PostAsync(new ArraySegment<byte>(around, 1, 3), Seconds(60), new() { Id = "segment" });
        await timer.PostAsync(new System.Buffers.ReadOnlySequence<byte>(around, 1, 3), Seconds(60), new() { Id = "sequence" });
        await timer.PostAsync(default(ArraySegment<byte>), Seconds(60), new() { Id = "nothing" });
        foreach (string id in (string[])["array", "memory", "read-only memory", "segment", "sequence"])
        {
            (await timer.PeekAsync(id))!.Payload.ToArray().ShouldBe(bytes, id);
        }

        (await timer.PeekAsync("nothing"))!.Payload.Length.ShouldBe(0);
    }

    [Theory]
    [InlineData(Fault.ThrowsAtOnce)]
    [InlineData(Fault.FailedTask)]
    [InlineData(Fault.FailsLater)]
    public async Task A_handler_that_fails_in_any_shape_affects_no_other_delivery(Fault shape)
    {
        Node node = await JoinAsync((delivery, _) => delivery.Id != "bad" ? Task.CompletedTask : shape switch
        {
            Fault.ThrowsAtOnce => throw new TimeoutException("now"),
            Fault.FailedTask => Task.FromException(new TimeoutException("failed")),
            _ => Task.Run(async () =>
            {
                await Task.Yield();
                throw new TimeoutException("later");
            }),
        });
        await node.Timer.PostAsync([.. Enumerable.Range(0, 8).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = i == 3 ? "bad" : $"good{i}" }))]);
        await EmptyAsync(node.Timer);
        node.Ids.Order().ShouldBe(["bad", "good0", "good1", "good2", "good4", "good5", "good6", "good7"]);
        (await node.Timer.PeekAsync("bad"))!.State.ShouldBe(TimerState.DeadLettered);
    }

    [Fact]
    public async Task What_the_handler_decided_by_call_stands_whether_it_returns_or_throws()
    {
        Node node = await JoinAsync(async (delivery, _) =>
        {
            TimerOutcome outcome = delivery.Id switch
            {
                "confirm" => await delivery.ConfirmAsync(),
                "dead" => await delivery.DeadLetterAsync("not wanted", DeadLetterReason.DeserializationFailed),
                _ => delivery.Retries == 0 ? await delivery.RetryAsync(TimeSpan.Zero, "once more") : await delivery.ConfirmAsync(),
            };
            outcome.ShouldBe(delivery.Id == "dead" ? TimerOutcome.DeadLettered : TimerOutcome.Done);
            delivery.LeaseLeft.ShouldBe(TimeSpan.Zero);
            TimerOutcome again = await delivery.ConfirmAsync();
            if (delivery.Id == "retry" && delivery.Retries == 0) again.ShouldBeOneOf(TimerOutcome.Stale, TimerOutcome.NotFound); // its next delivery may be over by now
            else again.ShouldBe(delivery.Id == "dead" ? TimerOutcome.Stale : TimerOutcome.NotFound);
            if (delivery.Id == "confirm") throw new TimeoutException("after the confirm");
        });
        foreach (string id in (string[])["confirm", "dead", "retry"]) await node.Timer.PostAsync(id, TimeSpan.Zero, new() { Id = id, MaxRetries = 1 });
        await EmptyAsync(node.Timer);

        node.Ids.Order().ShouldBe(["confirm", "dead", "retry", "retry"]);
        TimerSnapshot dead = (await node.Timer.PeekAsync("dead"))!;
        (dead.DeadLetterReason, dead.Failures.Single().Error).ShouldBe((DeadLetterReason.DeserializationFailed, "not wanted"));
        await EventuallyAsync(() => Errors.Count == 1, "the exception after the confirm");
    }

    [Fact]
    public async Task A_confirm_that_the_handler_did_not_await_is_not_followed_by_another()
    {
        var unawaited = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource hold = Faults.Hold(nameof(Faults.ConfirmAsync));
        Node node = await JoinAsync((delivery, _) =>
        {
            unawaited.SetResult(delivery.ConfirmAsync());
            return Task.CompletedTask;
        });
        await node.Timer.PostAsync(1, TimeSpan.Zero);
        Task confirmed = await unawaited.Task.WaitAsync(TestTimeout);
        hold.SetResult();
        await EmptyAsync(node.Timer);
        await confirmed.WaitAsync(TestTimeout);
        await node.Timer.LeaveAsync();
        Faults.Calls(nameof(Faults.ConfirmAsync)).ShouldBe(1);
        Errors.ShouldBeEmpty();
    }

    [Fact]
    public async Task On_delivery_the_event_is_confirmed_before_the_handler_runs()
    {
        TimerSnapshot? seen = null;
        DistributedTimer? timer = null;
        Node node = await JoinAsync(
            async (delivery, _) =>
            {
                seen = await timer!.PeekAsync(delivery.Id);
                throw new TimeoutException("lost for good");
            },
            o => o.Confirmation = Confirmation.OnDelivery);
        timer = node.Timer;
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a", MaxRetries = 5 });
        await node.NthAsync(1);
        await EventuallyAsync(() => Errors.Count == 1, "the handler's failure");
        seen.ShouldBeNull();
        (await node.Timer.GetStatsAsync()).WithoutCounters().ShouldBe(new TimerStats(0, 0, 0, 0, null));
    }

    [Fact]
    public async Task On_delivery_an_event_that_could_not_be_confirmed_is_not_handled()
    {
        Faults.AfterClaim = async (_, claim) =>
        {
            if (claim.Events.Count > 0) await NewTimer().CancelAsync(claim.Events[0].Id, revoke: true);
        };
        Faults.DropNotifications = true;
        Node node = await JoinAsync(configure: o => o.Confirmation = Confirmation.OnDelivery);
        await node.Timer.PostAsync(1, TimeSpan.Zero, new() { Id = "a" });
        await EventuallyAsync(() => Errors.Count == 1, "the failed confirm");
        node.Got.ShouldBeEmpty();
    }

    [Fact]
    public async Task Manual_confirmation_by_delivery_by_id_and_from_anywhere()
    {
        Node node = await JoinAsync(configure: o => o.Confirmation = Confirmation.Manual);
        DistributedTimer elsewhere = NewTimer();
        foreach (string id in (string[])["a", "b", "c"]) await node.Timer.PostAsync(id, TimeSpan.Zero, new() { Id = id });
        await node.NthAsync(3);
        TimerDelivery c = node.Got.Single(d => d.Id == "c");

        (await node.Got.Single(d => d.Id == "a").ConfirmAsync()).ShouldBe(TimerOutcome.Done);
        (await node.Timer.ConfirmAsync("b")).ShouldBe(TimerOutcome.Done);
        (await elsewhere.ConfirmAsync("c")).ShouldBe(TimerOutcome.NotFound);
        (await elsewhere.ConfirmAsync("c", "wrong")).ShouldBe(TimerOutcome.Stale);
        (await elsewhere.ConfirmAsync("c", c.Token)).ShouldBe(TimerOutcome.Done);
        (await elsewhere.ConfirmAsync("c", c.Token)).ShouldBe(TimerOutcome.NotFound);
        await EmptyAsync(elsewhere);
    }

    [Fact]
    public async Task No_more_handlers_run_than_allowed_and_no_more_is_held_than_allowed()
    {
        int running = 0, most = 0;
        Node node = await JoinAsync(
            async (_, _) =>
            {
                InterlockedMax(ref most, Interlocked.Increment(ref running));
                await Task.Yield();
                Interlocked.Decrement(ref running);
            },
            o => (o.MaxConcurrency, o.MaxInFlight, o.MaxEvents) = (3, 10, 4));
        await node.Timer.PostAsync([.. Enumerable.Range(0, 200).Select(_ => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero))]);
        await EmptyAsync(node.Timer);
        node.Got.Count.ShouldBe(200);
        most.ShouldBeInRange(1, 3);
        Faults.Claims.ShouldAllBe(claim => claim.Max <= 4 && claim.Max <= claim.Capacity && claim.Capacity + claim.Held <= 10);
    }

    [Fact]
    public async Task MaxEvents_can_be_changed_while_listening_and_restored()
    {
        Node node = await JoinAsync(configure: o => (o.MaxEvents, o.MaxInFlight) = (5, 1_000));
        node.Timer.MaxEvents = 50;
        await node.Timer.PostAsync([.. Enumerable.Range(0, 60).Select(_ => new TimerPost("{}"u8.ToArray(), Ms(50)))]);
        await EmptyAsync(node.Timer);
        Faults.Claims.ShouldContain(claim => claim.Max == 50);
        node.Timer.MaxEvents = 0;
        node.Timer.MaxEvents.ShouldBe(5);
        Should.Throw<ArgumentOutOfRangeException>(() => node.Timer.MaxEvents = 201);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        int seen = Volatile.Read(ref target);
        while (value > seen)
        {
            int before = Interlocked.CompareExchange(ref target, value, seen);
            if (before == seen) return;
            seen = before;
        }
    }
}
