using Latchwork.Testing;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Testing;

public sealed class TestingTests
{
    private static readonly TimeSpan _minute = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Events_run_in_order_each_at_exactly_its_time_and_nothing_before()
    {
        List<(string Name, DateTimeOffset At)> ran = [];
        await using LatchworkTestHost host = Create((services, name) => ran.Add((name, services.GetRequiredService<TimeProvider>().GetUtcNow())));
        DateTimeOffset start = host.Clock.GetUtcNow();
        await host.Timer<Chore>().PostAsync(new Chore("third"), TimeSpan.FromDays(365));
        await host.Timer<Chore>().PostAsync(new Chore("first"), _minute);
        await host.Timer<Chore>().PostAsync(new Chore("second"), _minute * 2);

        (await host.AdvanceAsync(_minute - TimeSpan.FromTicks(1))).ShouldBe(0);
        (await host.AdvanceAsync(TimeSpan.FromTicks(1))).ShouldBe(1);
        (await host.AdvanceAsync(TimeSpan.FromDays(400))).ShouldBe(2);

        ran.ShouldBe([("first", start + _minute), ("second", start + _minute * 2), ("third", start + TimeSpan.FromDays(365))]);
        host.Clock.GetUtcNow().ShouldBe(start + _minute + TimeSpan.FromDays(400));
    }

    [Fact]
    public async Task What_handlers_post_runs_as_well_at_its_time()
    {
        List<(string Name, DateTimeOffset At)> ran = [];
        LatchworkTestHost? host = null;
        host = Create((services, name) =>
        {
            ran.Add((name, host!.Clock.GetUtcNow()));
            if (name.Length < 3) services.GetRequiredService<IDistributedTimer<Chore>>().PostAsync(new Chore(name + "x"), _minute).GetAwaiter().GetResult();
        });
        await using LatchworkTestHost used = host;
        DateTimeOffset start = host.Clock.GetUtcNow();
        await host.Timer<Chore>().PostAsync(new Chore(""), TimeSpan.Zero);

        (await host.DrainAsync()).ShouldBe(1);
        (await host.AdvanceAsync(_minute * 10)).ShouldBe(3);

        ran.ShouldBe([("", start), ("x", start + _minute), ("xx", start + _minute * 2), ("xxx", start + _minute * 3)]);
    }

    [Fact]
    public async Task A_failing_handler_is_retried_at_its_times_until_it_is_dead()
    {
        await using LatchworkTestHost host = Create(
            (_, _) => throw new InvalidOperationException("broken"),
            options =>
            {
                options.MaxRetries = 2;
                options.Backoff = new() { Initial = _minute, Factor = 2, Jitter = 0 };
            });
        DateTimeOffset start = host.Clock.GetUtcNow();
        await host.Timer<Chore>().PostAsync(new Chore("x"), TimeSpan.Zero, new() { Id = "x" });

        await host.AdvanceAsync(TimeSpan.FromHours(1));

        host.Tester.Deliveries.Select(call => (call.At - start, call.Retries)).ShouldBe([(TimeSpan.Zero, 0), (_minute, 1), (_minute * 3, 2)]);
        host.Tester.Deliveries.ShouldAllBe(call => call.Error is InvalidOperationException);
        host.Tester.AssertRan<Chore>("x", times: 3);
        (await host.Tester.AssertDeadLetteredAsync<Chore>("x", DeadLetterReason.RetriesExhausted)).Failures.Count.ShouldBe(3);
    }

    [Fact]
    public async Task A_delivery_that_is_never_confirmed_comes_again_when_its_lease_runs_out()
    {
        await using LatchworkTestHost host = Create((_, _) => { }, options =>
        {
            options.Confirmation = Confirmation.Manual;
            options.LeaseDuration = TimeSpan.FromSeconds(30);
            options.MaxRetries = 1;
        });
        await host.Timer<Chore>().PostAsync(new Chore("x"), TimeSpan.Zero, new() { Id = "x" });

        (await host.AdvanceAsync(TimeSpan.FromSeconds(29))).ShouldBe(1);
        (await host.AdvanceAsync(TimeSpan.FromSeconds(2))).ShouldBe(1);
        await host.AdvanceAsync(_minute);

        await host.Tester.AssertDeadLetteredAsync<Chore>("x", DeadLetterReason.LeaseExpired);
    }

    [Fact]
    public async Task Assertions_hold_or_say_what_happened()
    {
        await using LatchworkTestHost host = Create((_, name) =>
        {
            if (name == "bad") throw new InvalidOperationException("broken");
        });
        LatchworkTester tester = host.Tester;
        await host.Timer<Chore>().PostAsync(new Chore("good"), _minute, new() { Id = "g" });
        await host.Timer<Chore>().PostAsync([new TimerPost<Chore>(new Chore("bad"), _minute, new() { Id = "b", MaxRetries = 0 })]);
        await host.AdvanceAsync(_minute);

        tester.AssertPosted<Chore>(chore => chore.Name == "good").Id.ShouldBe("g");
        tester.AssertNotPosted<Chore>(chore => chore.Name == "other");
        tester.AssertRanOnce<Chore>("g").Error.ShouldBeNull();
        await tester.AssertDeadLetteredAsync<Chore>("b");

        Message(() => tester.AssertPosted<Chore>(chore => chore.Name == "other")).ShouldContain("'g' to 'steps'");
        Message(() => tester.AssertNotPosted<Chore>()).ShouldContain("No event of type Chore was to be posted.");
        Message(() => tester.AssertRanOnce<Chore>("b")).ShouldContain("InvalidOperationException: broken");
        Message(() => tester.AssertRanOnce<Chore>("unknown")).ShouldContain("It was not handled.");
        Message(() => tester.AssertRan<Chore>("g", 2)).ShouldContain("2 times");
        (await Should.ThrowAsync<LatchworkAssertionException>(() => tester.AssertDeadLetteredAsync<Chore>("g"))).Message.ShouldContain("It is Completed.");
        Should.Throw<InvalidOperationException>(() => tester.AssertPosted<int>()).Message.ShouldContain("AddTimer");
    }

    [Fact]
    public async Task Work_for_a_key_runs_once_and_that_can_be_asserted()
    {
        await using LatchworkTestHost host = Create((_, _) => { });
        var locker = host.Services.GetRequiredService<IProcessLocker>();

        string[] results = await Task.WhenAll(Enumerable.Range(0, 5).Select(i => locker.RunOnceAsync("report", (_, _) => Task.FromResult($"by {i}"))));

        results.Distinct().Count().ShouldBe(1);
        host.Tester.AssertLockedOnce("report");
        Message(() => host.Tester.AssertLockedOnce("other")).ShouldContain("It had 0.");
    }

    [Fact]
    public async Task A_handler_that_waits_for_the_clock_is_given_up_with_a_hint()
    {
        await using LatchworkTestHost host = LatchworkTestHost.Create(services => services.AddLatchwork().AddTimer<Chore>(
            "steps", (provider, _, _, cancellationToken) => Task.Delay(_minute, provider.GetRequiredService<TimeProvider>(), cancellationToken)));
        host.Tester.HandlerTimeout = TimeSpan.FromMilliseconds(50);
        await host.Timer<Chore>().PostAsync(new Chore("x"), TimeSpan.Zero);

        (await Should.ThrowAsync<TimeoutException>(() => host.DrainAsync())).Message.ShouldContain("the clock stands still");
    }

    [Fact]
    public async Task A_whole_application_can_be_tested_and_listens_only_when_the_test_says_so()
    {
        await using var app = new Hosting.TestApp(("Latchwork:Timers:steps:MaxRetries", "3"));
        app.Services.AddLatchwork().UseStore(new InMemoryStore()).AddTimer<Chore>("steps", (_, _, _) => Task.CompletedTask);
        app.Services.AddKeyedLatchwork("eu").AddTimer<Chore>("steps", (_, _, _) => Task.CompletedTask);
        app.Services.AddLatchworkTesting();
        await app.StartAsync();

        PostResult post = await app.Get<IDistributedTimer<Chore>>("eu").PostAsync(new Chore("x"), _minute);
        await app.Get<LatchworkTester>().AdvanceAsync(_minute);

        app.Get<LatchworkTester>().AssertRanOnce<Chore>(post.Id);
        app.Get<LatchworkTester>().Posts.Single().MaxRetries.ShouldBe(10);
        app.Get<DistributedTimer>("steps").IsJoined.ShouldBeFalse();
    }

    [Fact]
    public async Task An_event_that_cannot_be_read_did_not_run()
    {
        await using LatchworkTestHost host = Create((_, _) => { });
        await host.Services.GetRequiredKeyedService<DistributedTimer>("steps").PostAsync("no JSON"u8.ToArray(), TimeSpan.Zero, new() { Id = "x" });

        await host.DrainAsync();

        Message(() => host.Tester.AssertRanOnce<Chore>("x")).ShouldContain("JsonException");
        host.Tester.Deliveries.Single().Error.ShouldBeOfType<System.Text.Json.JsonException>();
        await host.Tester.AssertDeadLetteredAsync<Chore>("x", DeadLetterReason.DeserializationFailed);
    }

    [Fact]
    public void Without_a_Latchwork_there_is_nothing_to_test_and_that_is_said() =>
        Should.Throw<InvalidOperationException>(() => LatchworkTestHost.Create(_ => { })).Message.ShouldContain("AddLatchwork() first");

    private static LatchworkTestHost Create(Action<IServiceProvider, string> handle, Action<TimerOptions>? configure = null) =>
        LatchworkTestHost.Create(services => services.AddLatchwork().AddTimer<Chore>(
            "steps",
            (provider, chore, _, _) =>
            {
                handle(provider, chore.Name);
                return Task.CompletedTask;
            },
            configure));

    private static string Message(Action assertion) => Should.Throw<LatchworkAssertionException>(assertion).Message;

    public sealed record Chore(string Name);
}
