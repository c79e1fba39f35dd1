using System.Diagnostics;
using System.Reflection;
using Latchwork.Diagnostics;
using Latchwork.Storage;
using Latchwork.StoreConformance.Engine;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Diagnostics;

[Collection(TelemetryCollection.Name)]
public sealed class TimerTelemetryTests : IAsyncLifetime
{
    private readonly string _ns = $"telemetry-{Guid.NewGuid():N}";
    private readonly FaultyStore _store = new(new InMemoryStore());
    private readonly TelemetryRecorder _recorder = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _recorder.Dispose();
        await _store.DisposeAsync();
        TelemetryDocs.ShouldDescribe(_recorder.All);
    }

    [Fact]
    public async Task Posts_deliveries_lateness_handling_retries_and_deaths_are_measured()
    {
        await using DistributedTimer timer = NewTimer();
        await timer.PostAsync("good"u8.ToArray(), TimeSpan.Zero, new() { Id = "good" });
        await timer.PostAsync("good"u8.ToArray(), TimeSpan.Zero, new() { Id = "good", IfExists = IfExists.Keep });
        await timer.PostAsync("bad"u8.ToArray(), TimeSpan.Zero, new() { Id = "bad", MaxRetries = 2 });
        await timer.PostAsync("unwanted"u8.ToArray(), TimeSpan.Zero, new() { Id = "unwanted" });
        await timer.JoinAsync(async (delivery, _) =>
        {
            if (delivery.Id == "bad") throw new InvalidOperationException("bad");
            if (delivery.Id == "unwanted") await delivery.DeadLetterAsync("no");
        });
        await Eventually.ReadsAsync(() => timer.GetStatsAsync(), stats => stats is { Scheduled: 0, InFlight: 0, DeadLetters: 2 }, "all is handled");

        _recorder.Sum("messaging.client.sent.messages", _ns, "latchwork.outcome", "created").ShouldBe(3);
        _recorder.Sum("messaging.client.sent.messages", _ns, "latchwork.outcome", "kept").ShouldBe(1);
        _recorder.Sum("messaging.client.consumed.messages", _ns).ShouldBe(5);
        _recorder.Of("latchwork.timer.lateness", _ns).Count().ShouldBe(5);
        await Eventually.HoldsAsync(() => _recorder.Of("messaging.process.duration", _ns).Count() == 5, "all handlers are measured");
        _recorder.Of("messaging.process.duration", _ns).Count(one => one.Tags.GetValueOrDefault("error.type") is "System.InvalidOperationException").ShouldBe(3);
        _recorder.Sum("latchwork.timer.retries", _ns).ShouldBe(2);
        _recorder.Sum("latchwork.timer.dead_lettered", _ns, "latchwork.reason", "retries_exhausted").ShouldBe(1);
        _recorder.Sum("latchwork.timer.dead_lettered", _ns, "latchwork.reason", "rejected").ShouldBe(1);
        _recorder.All.ShouldContain(one => one.Instrument == "latchwork.store.operation.duration" && (string?)one.Tags["latchwork.store.operation"] == "claim");
    }

    [Fact]
    public async Task Deaths_by_an_expired_lease_are_counted_by_who_finds_them()
    {
        await using DistributedTimer gone = NewTimer(lease: TimeSpan.FromMilliseconds(100));
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await gone.PostAsync("x"u8.ToArray(), TimeSpan.Zero, new() { Id = "x" });
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await gone.JoinAsync((_, _) =>
        {
            held.TrySetResult();
            return end.Task;
        });
        await held.Task;
        gone.Abandon(); // as a killed process

        await using DistributedTimer other = NewTimer();
        await other.JoinAsync((_, _) => Task.CompletedTask);

        await Eventually.HoldsAsync(() => _recorder.Sum("latchwork.timer.dead_lettered", _ns, "latchwork.reason", "lease_expired") == 1, "the death is counted");
        end.SetResult();
    }

    [Fact]
    public async Task What_is_held_waits_or_is_dead_is_told_when_it_is_asked_for()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using DistributedTimer timer = NewTimer();
        await timer.JoinAsync((_, _) => release.Task);
        await timer.PostAsync("now"u8.ToArray(), TimeSpan.Zero);
        await timer.PostAsync("later"u8.ToArray(), TimeSpan.FromHours(1));
        await Eventually.ReadsAsync(() => timer.GetStatsAsync(), stats => stats.InFlight == 1, "one is held");

        await Eventually.HoldsAsync(
            () =>
            {
                _recorder.Collect();
                return _recorder.Of("latchwork.timer.scheduled", _ns).Any();
            },
            "the counts were asked for");
        _recorder.Of("latchwork.timer.scheduled", _ns).First().Value.ShouldBe(1);
        _recorder.Of("latchwork.timer.in_flight", _ns).Last().Value.ShouldBe(1);
        _recorder.Of("latchwork.timer.oldest_overdue", _ns).First().Value.ShouldBe(0);
        release.SetResult();
        await timer.LeaveAsync();

        int told = _recorder.Of("latchwork.timer.in_flight", _ns).Count();
        _recorder.Collect();
        _recorder.Of("latchwork.timer.in_flight", _ns).Count().ShouldBe(told);
    }

    [Fact]
    public async Task A_lost_lease_is_counted_with_its_reason_and_a_cancellation_is_no_error()
    {
        await using DistributedTimer timer = NewTimer();
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await timer.JoinAsync(async (_, cancellationToken) =>
        {
            started.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellationToken);
        });
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.Zero, new() { Id = "x" });
        await started.Task.WaitAsync(TimeSpan.FromSeconds(30));

        (await timer.CancelAsync("x", revoke: true)).ShouldBe(TimerOutcome.Done);
        await Eventually.HoldsAsync(() => _recorder.Spans($"process {_ns}").Count == 1, "the handler has ended");

        _recorder.Sum("latchwork.timer.lost_leases", _ns, "latchwork.reason", "revoked").ShouldBe(1);
        _recorder.Spans($"process {_ns}").Single().Status.ShouldBe(ActivityStatusCode.Unset);
        await Eventually.HoldsAsync(() => _recorder.Of("messaging.process.duration", _ns).Any(), "the handler is measured");
        _recorder.Of("messaging.process.duration", _ns).Single().Tags.Keys.ShouldNotContain("error.type");
    }

    [Fact]
    public async Task The_span_of_a_delivery_is_a_trace_of_its_own_and_linked_to_that_of_the_post()
    {
        await using DistributedTimer poster = NewTimer();
        await using DistributedTimer listener = NewTimer();
        Activity? inHandler = null;
        ActivityContext request;
        using (var surrounding = new Activity("request").SetIdFormat(ActivityIdFormat.W3C).Start())
        {
            surrounding.TraceStateString = "vendor=1";
            request = surrounding.Context;
            await poster.PostAsync("x"u8.ToArray(), TimeSpan.Zero, new() { Id = "x", Headers = new Dictionary<string, string> { ["tenant"] = "a" } });
        }

        await listener.JoinAsync((_, _) =>
        {
            inHandler = Activity.Current;
            throw new InvalidOperationException("no");
        });
        await Eventually.HoldsAsync(() => _recorder.Spans($"process {_ns}").Count == 1, "the handler has ended");

        Activity post = _recorder.Spans($"post {_ns}").Single();
        Activity process = _recorder.Spans($"process {_ns}").Single();
        (post.Kind, post.TraceId, post.ParentSpanId).ShouldBe((ActivityKind.Producer, request.TraceId, request.SpanId));
        process.Kind.ShouldBe(ActivityKind.Consumer);
        process.TraceId.ShouldNotBe(post.TraceId);
        process.ParentSpanId.ShouldBe(default);
        ActivityLink link = process.Links.Single();
        (link.Context.TraceId, link.Context.SpanId, link.Context.TraceState, link.Context.IsRemote).ShouldBe((post.TraceId, post.SpanId, "vendor=1", true));
        inHandler.ShouldBeSameAs(process);
        (process.Status, process.GetTagItem("error.type")).ShouldBe((ActivityStatusCode.Error, "System.InvalidOperationException"));
        (post.GetTagItem("messaging.system"), post.GetTagItem("messaging.message.id"), post.GetTagItem("messaging.destination.name")).ShouldBe(("latchwork", "x", _ns));
        (await poster.PeekAsync("x"))!.Headers["tenant"].ShouldBe("a");
    }

    [Fact]
    public async Task A_batch_has_one_span_and_every_event_its_context()
    {
        await using DistributedTimer timer = NewTimer();
        await timer.PostAsync([.. Enumerable.Range(0, 3).Select(i => new TimerPost("x"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = $"{i}" }))]);

        Activity post = _recorder.Spans($"post {_ns}").Single();
        post.GetTagItem("messaging.batch.message_count").ShouldBe(3);
        for (int i = 0; i < 3; i++) (await timer.PeekAsync($"{i}"))!.Headers["traceparent"].ShouldBe(post.Id);
    }

    [Fact]
    public async Task Headers_of_the_caller_are_never_changed_or_crowded_out()
    {
        await using DistributedTimer timer = NewTimer();
        string full = new('x', Limits.MaxHeaderBytes - 3);
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "own", Headers = new Dictionary<string, string> { ["traceparent"] = "mine" } });
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "full", Headers = new Dictionary<string, string> { ["h"] = full } });

        (await timer.PeekAsync("own"))!.Headers.ShouldBe(new Dictionary<string, string> { ["traceparent"] = "mine" });
        (await timer.PeekAsync("full"))!.Headers.ShouldBe(new Dictionary<string, string> { ["h"] = full });
    }

    [Fact]
    public async Task While_nobody_listens_the_wrapper_passes_on_the_very_tasks_of_the_store_and_posts_carry_no_headers()
    {
        _recorder.Dispose();
        ITimerStore inner = DispatchProxy.Create<ITimerStore, SameAnswer>();
        var watched = new InstrumentedTimerStore(inner, "test");
        watched.GetStatsAsync(new TimerPartition(_ns, 0), CancellationToken.None).ShouldBeSameAs(SameAnswer.Stats);

        await using DistributedTimer timer = NewTimer();
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "x" });
        (await timer.PeekAsync("x"))!.Headers.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_failure_of_the_store_is_measured_with_what_is_known_of_it()
    {
        _store.Faults.Fail("PeekAsync", Fault.ReplyLost, Fault.ThrowsAtOnce);
        await using DistributedTimer timer = NewTimer();
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "x" });

        await Should.ThrowAsync<LatchworkStoreException>(() => timer.PeekAsync("x"));
        await Should.ThrowAsync<LatchworkStoreException>(() => timer.PeekAsync("x"));

        _recorder.All.Where(one => one.Tags.GetValueOrDefault("latchwork.store.operation") is "peek").Select(one => one.Tags.GetValueOrDefault("error.type"))
            .ShouldBe(["unknown", "not_applied"]);
    }

    private DistributedTimer NewTimer(TimeSpan? lease = null) => new(
        _store, new() { Namespace = _ns, Backoff = new() { Initial = TimeSpan.Zero }, MaxRetries = 0, LeaseDuration = lease ?? TimeSpan.FromSeconds(10) });

    /// <summary>A store that answers with the same task every time.</summary>
    public class SameAnswer : DispatchProxy
    {
        public static Task<TimerStats> Stats { get; } = Task.FromResult(new TimerStats(0, 0, 0, 0, null));

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod?.Name == "get_Schedules" ? null : Stats;
    }
}
