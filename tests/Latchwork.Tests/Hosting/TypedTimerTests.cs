using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Latchwork.StoreConformance.Support;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Hosting;

public sealed partial class TypedTimerTests : IAsyncLifetime
{
    private static readonly TimeSpan _now = TimeSpan.Zero;
    private readonly SharedStore _store = new();
    private readonly TestApp _app = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _app.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task A_handler_comes_from_a_scope_of_its_own_for_each_delivery_and_the_scope_ends_before_the_confirmation()
    {
        _app.Services.AddSingleton<Journal>().AddScoped<Unit>();
        _app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<Order, OrderHandler>("orders");
        await _app.StartAsync();
        bool disposedFirst = true;
        _store.Calls.Answered = operation =>
        {
            if (operation == "ConfirmAsync" && _app.Get<Journal>().Units.All(unit => !unit.IsDisposed)) disposedFirst = false;
        };

        IDistributedTimer<Order> timer = _app.Get<IDistributedTimer<Order>>();
        for (int i = 0; i < 3; i++) (await timer.PostAsync(new Order(i, "x"), _now)).Outcome.ShouldBe(PostOutcome.Created);
        await Eventually.ReadsAsync(() => timer.GetStatsAsync(), stats => stats is { Scheduled: 0, InFlight: 0 }, "all are confirmed");

        Journal journal = _app.Get<Journal>();
        journal.Orders.Order().ShouldBe([0, 1, 2]);
        journal.Units.Distinct().Count().ShouldBe(3);
        journal.Units.ShouldAllBe(unit => unit.IsDisposed);
        disposedFirst.ShouldBeTrue();
    }

    [Fact]
    public async Task A_delegate_gets_the_event_the_delivery_and_the_services_of_the_scope()
    {
        var got = new TaskCompletionSource<(Order Order, TimerDelivery Delivery, Unit Unit)>(TaskCreationOptions.RunContinuationsAsynchronously);
        _app.Services.AddScoped<Unit>();
        _app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<Order>("orders", (services, order, delivery, _) =>
        {
            got.TrySetResult((order, delivery, services.GetRequiredService<Unit>()));
            return Task.CompletedTask;
        });
        await _app.StartAsync();

        await _app.Get<IDistributedTimer<Order>>().PostAsync(new Order(7, "seven"), _now, new() { Id = "o-7", Headers = new Dictionary<string, string> { ["tenant"] = "a" } });

        (Order order, TimerDelivery delivery, Unit unit) = await got.Task.WaitAsync(TimeSpan.FromSeconds(30));
        order.ShouldBe(new Order(7, "seven"));
        (delivery.Id, delivery.Retries, delivery.MaxRetries, delivery.Headers["tenant"]).ShouldBe(("o-7", 0, 10, "a"));
        delivery.Token.ShouldNotBeEmpty();
        delivery.Lateness.ShouldBeGreaterThanOrEqualTo(TimeSpan.Zero);
        await Eventually.HoldsAsync(() => unit.IsDisposed, "the scope has ended");
    }

    [Fact]
    public async Task A_handler_that_throws_is_retried_ten_times_by_default_and_the_post_may_say_otherwise()
    {
        var attempts = new ConcurrentQueue<(string Id, int Retries)>();
        _app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<Order>(
            "orders",
            (_, delivery, _) =>
            {
                attempts.Enqueue((delivery.Id, delivery.Retries));
                throw new InvalidOperationException("no");
            },
            options => options.Backoff = new() { Initial = TimeSpan.Zero });
        await _app.StartAsync();
        IDistributedTimer<Order> timer = _app.Get<IDistributedTimer<Order>>();

        await timer.PostAsync(new Order(1, ""), _now, new() { Id = "default" });
        await timer.PostAsync([new TimerPost<Order>(new Order(2, ""), _now, new() { Id = "once", MaxRetries = 1 })]);
        await Eventually.ReadsAsync(() => timer.GetStatsAsync(), stats => stats.DeadLetters == 2, "both are dead");

        attempts.Where(one => one.Id == "default").Select(one => one.Retries).ShouldBe(Enumerable.Range(0, 11));
        attempts.Where(one => one.Id == "once").Select(one => one.Retries).ShouldBe([0, 1]);
        (await timer.PeekAsync("default"))!.DeadLetterReason.ShouldBe(DeadLetterReason.RetriesExhausted);
    }

    [Theory]
    [InlineData("no json at all")]
    [InlineData("{\"number\":\"a word\"}")]
    [InlineData("null")]
    [InlineData("")]
    [InlineData("{\"number\":-1,\"text\":\"refused by the constructor\"}")]
    public async Task A_payload_that_cannot_be_read_is_dead_at_once_with_that_reason_and_unharmed(string payload)
    {
        int handled = 0;
        _app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<Strict>("orders", (_, _, _) =>
        {
            Interlocked.Increment(ref handled);
            return Task.CompletedTask;
        });
        await _app.StartAsync();
        byte[] bytes = Encoding.UTF8.GetBytes(payload);

        await _app.Get<DistributedTimer>("orders").PostAsync(bytes, _now, new() { Id = "bad", MaxRetries = 5 });

        IDistributedTimer<Strict> timer = _app.Get<IDistributedTimer<Strict>>();
        TimerSnapshot? dead = await Eventually.ReadsAsync(() => timer.PeekAsync("bad"), one => one?.State == TimerState.DeadLettered, "it is dead");
        dead!.DeadLetterReason.ShouldBe(DeadLetterReason.DeserializationFailed);
        dead.Payload.ToArray().ShouldBe(bytes);
        dead.Retries.ShouldBe(0);
        dead.Failures.Single().Error.ShouldStartWith("JsonException: ");
        handled.ShouldBe(0);
        Should.Throw<JsonException>(() => timer.Read(dead));
        await Eventually.HoldsAsync(() => _app.Log.Count(4007) == 1, "it is logged");
        _app.Log.Entries.Single(entry => entry.Id == 4007).Text.ShouldContain("orders");
    }

    [Fact]
    public async Task What_cannot_be_read_and_was_confirmed_on_delivery_is_not_said_to_be_kept()
    {
        _app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<Strict>(
            "orders", (_, _, _) => Task.CompletedTask, options => options.Confirmation = Confirmation.OnDelivery);
        await _app.StartAsync();

        await _app.Get<DistributedTimer>("orders").PostAsync("no JSON"u8.ToArray(), _now, new() { Id = "bad" });

        await Eventually.HoldsAsync(() => _app.Log.Count(4010) == 1, "it is logged that it is gone");
        _app.Log.Count(4007).ShouldBe(0);
        (await _app.Get<IDistributedTimer<Strict>>().PeekAsync("bad")).ShouldNotBeNull().Outcome.ShouldBe(CompletedOutcome.Delivered, "a host keeps what was completed");
    }

    [Fact]
    public async Task A_handlers_own_failure_to_read_something_is_a_failure_like_any_other()
    {
        _app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<Order>("orders", (_, _, _) => throw new JsonException("another document"));
        await _app.StartAsync();
        IDistributedTimer<Order> timer = _app.Get<IDistributedTimer<Order>>();

        await timer.PostAsync(new Order(1, ""), _now, new() { Id = "1", MaxRetries = 0 });

        TimerSnapshot? dead = await Eventually.ReadsAsync(() => timer.PeekAsync("1"), one => one?.State == TimerState.DeadLettered, "it is dead");
        dead!.DeadLetterReason.ShouldBe(DeadLetterReason.RetriesExhausted);
    }

    [Fact]
    public async Task An_application_that_only_posts_claims_nothing_and_is_not_listed()
    {
        _app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<Order>("orders");
        await _app.StartAsync();
        IDistributedTimer<Order> timer = _app.Get<IDistributedTimer<Order>>();
        var poster = _app.Get<DistributedTimer>("orders");

        await timer.PostAsync(new Order(1, ""), _now, new() { Id = "1" });
        (await timer.ChangeDelayAsync("1", TimeSpan.FromHours(1))).ShouldBe(TimerOutcome.Done);
        List<TimerSnapshot> upcoming = [];
        await foreach (TimerSnapshot one in timer.UpcomingAsync()) upcoming.Add(one);
        timer.Read(upcoming.Single()).ShouldBe(new Order(1, ""));
        (await timer.CancelAsync("1")).ShouldBe(TimerOutcome.Done);
        await _app.StopAsync();

        poster.IsJoined.ShouldBeFalse();
        (_store.Calls.Calls("ClaimAsync"), _store.Calls.Calls("SubscribeAsync")).ShouldBe((0, 0));
        (await new DistributedTimer(_store.Store, new() { Namespace = "orders" }).GetNodesAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Type_information_made_at_build_time_is_used_for_posting_and_reading()
    {
        var got = new TaskCompletionSource<Order>(TaskCreationOptions.RunContinuationsAsynchronously);
        _app.Services.AddLatchwork().UseStore(_store.Store).AddTimer("orders", OrderJson.Default.Order, (order, _, _) =>
        {
            got.TrySetResult(order);
            return Task.CompletedTask;
        });
        await _app.StartAsync();
        IDistributedTimer<Order> timer = _app.Get<IDistributedTimer<Order>>();

        await timer.PostAsync(new Order(5, "five"), TimeSpan.FromHours(1), new() { Id = "5" });
        // The web defaults would have written "number": that shows whose rules were followed.
        Encoding.UTF8.GetString((await timer.PeekAsync("5"))!.Payload.Span).ShouldBe("{\"Number\":5,\"Text\":\"five\"}");
        await timer.ChangeDelayAsync("5", _now);

        (await got.Task.WaitAsync(TimeSpan.FromSeconds(30))).ShouldBe(new Order(5, "five"));
    }

    [Fact]
    public async Task Null_is_no_event()
    {
        _app.Services.AddLatchwork().UseStore(_store.Store).AddTimer<Order>("orders");
        IDistributedTimer<Order> timer = _app.Get<IDistributedTimer<Order>>();

        await Should.ThrowAsync<ArgumentNullException>(() => timer.PostAsync(null!, _now));
        await Should.ThrowAsync<ArgumentException>(() => timer.PostAsync([new TimerPost<Order>(null!, _now)]));
    }

    public sealed record Order(int Number, string Text);

    public sealed class Strict
    {
        public Strict(int number) => Number = number >= 0 ? number : throw new ArgumentException("Orders have no negative numbers.");

        public int Number { get; }
    }

    [JsonSerializable(typeof(Order))]
    private sealed partial class OrderJson : JsonSerializerContext;

    private sealed class Journal
    {
        public ConcurrentQueue<int> Orders { get; } = new();

        public ConcurrentQueue<Unit> Units { get; } = new();
    }

    private sealed class Unit : IDisposable
    {
        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }

    private sealed class OrderHandler(Journal journal, Unit unit) : ITimerHandler<Order>
    {
        public Task HandleAsync(Order value, TimerDelivery delivery, CancellationToken cancellationToken)
        {
            unit.IsDisposed.ShouldBeFalse();
            journal.Orders.Enqueue(value.Number);
            journal.Units.Enqueue(unit);
            return Task.CompletedTask;
        }
    }
}
