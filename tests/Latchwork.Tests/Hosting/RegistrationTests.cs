using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Hosting;

public sealed class RegistrationTests
{
    [Fact]
    public async Task Without_a_store_the_application_does_not_start_and_says_how_to_choose_one()
    {
        await using var app = new TestApp();
        app.Services.AddLatchwork();

        OptionsValidationException failure = await Should.ThrowAsync<OptionsValidationException>(() => app.Host.StartAsync());

        failure.Message.ShouldContain("No store was chosen");
        failure.Message.ShouldContain("UseRedis");
        failure.Message.ShouldContain("UseInMemory");
    }

    [Fact]
    public async Task Without_a_host_the_first_service_says_so()
    {
        var services = new ServiceCollection();
        services.AddLatchwork().AddTimer<Order>("orders");
        await using ServiceProvider provider = services.BuildServiceProvider();

        Should.Throw<OptionsValidationException>(() => provider.GetRequiredService<IDistributedTimer<Order>>()).Message.ShouldContain("No store was chosen");
        Should.Throw<OptionsValidationException>(() => provider.GetRequiredService<IProcessLocker>()).Message.ShouldContain("No store was chosen");
    }

    [Fact]
    public async Task Two_stores_are_refused()
    {
        await using var app = new TestApp();
        app.Services.AddLatchwork().UseInMemory().UseInMemory();

        OptionsValidationException failure = await Should.ThrowAsync<OptionsValidationException>(() => app.Host.StartAsync());

        failure.Failures.Single().ShouldContain("2 stores were chosen (InMemory, InMemory)");
    }

    [Fact]
    public async Task Everything_that_is_wrong_is_named_together_with_its_value()
    {
        await using var app = new TestApp(
            ("Latchwork:StoreUnavailableTimeout", "soon"),
            ("Latchwork:StoreWiat", "00:00:01"),
            ("Latchwork:TimerDefaults:MaxEvents", "many"),
            ("Latchwork:Timers:orders:MaxConcurency", "4"),
            ("Latchwork:Timers:orders:MaxInFlight", "0"),
            ("Latchwork:Timers:orders:LeaseDuration", "10"),
            ("Latchwork:Timers:orders:Confirmation", "1"),
            ("Latchwork:Timers:orders:Backoff:Factor", "0.5"),
            ("Latchwork:Locker:LeaseDuration", "2h"),
            ("Latchwork:Lockers:reports:FallbackPollInterval", "1ms"));
        app.Services.AddLatchwork(options => options.NodeId = "").AddLocker("reports").AddTimer<Order>("orders", options => options.MaxRetries = -1);

        OptionsValidationException failure = await Should.ThrowAsync<OptionsValidationException>(() => app.Host.StartAsync());

        const string Misspelt = "Latchwork: Unknown setting 'Latchwork:Timers:orders:MaxConcurency'. Valid settings: Backoff, ";
        failure.Failures.Count(text => text.StartsWith(Misspelt, StringComparison.Ordinal)).ShouldBe(1);
        failure.Failures.Where(text => !text.StartsWith(Misspelt, StringComparison.Ordinal)).ShouldBe(
            [
                "Latchwork: 'Latchwork:StoreUnavailableTimeout' must be a duration such as 250ms, 10s, 5m, 1h30m, 7d or 00:00:10; it is 'soon'.",
                "Latchwork: Unknown setting 'Latchwork:StoreWiat'. Valid settings: Health, Locker, Lockers, NodeId, Schedules, StoreUnavailableTimeout, TimerDefaults, Timers.",
                "Latchwork: 'NodeId' must have 1 to 512 bytes of UTF-8; it has 0.",
                "Latchwork: No store was chosen: call UseRedis(…), UseSqlite(…) or UseInMemory() on what AddLatchwork returns.",
                "Latchwork: 'Latchwork:TimerDefaults:MaxEvents' must be a whole number; it is 'many'.",
                "Latchwork: 'Latchwork:Timers:orders:LeaseDuration' must be a duration such as 250ms, 10s, 5m, 1h30m, 7d or 00:00:10; it is '10'.",
                "Latchwork: 'Latchwork:Timers:orders:Confirmation' must be one of AfterHandler, Manual, OnDelivery; it is '1'.",
                "Latchwork: Timer 'orders': 'MaxInFlight' must be between 1 and 100000; it is 0.",
                "Latchwork: Timer 'orders': 'MaxRetries' must be between 0 and 1000000; it is -1.",
                "Latchwork: Timer 'orders': 'Backoff.Factor' must be between 1 and 100; it is 0.5.",
                "Latchwork: Locker: 'LeaseDuration' must be between 100ms and 'LockTimeout' (1h); it is 2h.",
                "Latchwork: Locker 'reports': 'FallbackPollInterval' must be between 10ms and 1d; it is 1ms.",
            ],
            ignoreOrder: true);
    }

    [Fact]
    public async Task Timers_and_lockers_that_there_are_not_and_values_in_place_of_sections_are_refused()
    {
        await using var app = new TestApp(
            ("Latchwork:Timers:ordres:MaxRetries", "3"),
            ("Latchwork:Timers:Orders:MaxRetries", "3"),
            ("Latchwork:Timers:a:b:MaxRetries", "3"),
            ("Latchwork:Timers:a:c:MaxRetries", "3"),
            ("Latchwork:Timers:mails", "3"),
            ("Latchwork:Lockers:report:LeaseDuration", "3s"),
            ("Latchwork:TimerDefaults:Backoff", "5s"),
            ("Latchwork:Locker", "5s"),
            ("Latchwork:Health:AcceptedWarnings", "eviction"));
        app.Services.AddLatchwork().UseInMemory().AddTimer<Order>("orders").AddTimer<Order>("a:b").AddTimer<Order>("mails");
        app.Services.AddHealthChecks().AddLatchwork();

        string[] failures = [.. (await Should.ThrowAsync<AggregateException>(() => app.Host.StartAsync())).InnerExceptions.Cast<OptionsValidationException>().SelectMany(one => one.Failures).Distinct()];

        failures.ShouldBe(
            [
                "Latchwork: Unknown timer 'Latchwork:Timers:ordres'. Registered: a:b, mails, orders.",
                "Latchwork: Unknown timer 'Latchwork:Timers:a:c'. Registered: a:b, mails, orders.",
                "Latchwork: 'Latchwork:Timers:mails' must be a section; it is a single value.",
                "Latchwork: Unknown locker 'Latchwork:Lockers:report'. Registered: none.",
                "Latchwork: 'Latchwork:TimerDefaults:Backoff' must be a section; it is a single value.",
                "Latchwork: 'Latchwork:Locker' must be a section; it is a single value.",
                "Health check 'latchwork': 'Latchwork:Health:AcceptedWarnings' must be a list; it is a single value.",
            ],
            ignoreOrder: true);
    }

    [Fact]
    public async Task Settings_come_from_the_defaults_of_hosting_then_from_configuration_then_from_code()
    {
        await using var app = new TestApp(
            ("Latchwork:NodeId", "web-1"),
            ("Latchwork:TimerDefaults:MaxEvents", "20"),
            ("Latchwork:TimerDefaults:MaxConcurrency", "3"),
            ("Latchwork:Timers:orders:MaxConcurrency", "4"),
            ("Latchwork:Timers:orders:LeaseDuration", "2m"),
            ("Latchwork:Timers:orders:Backoff:Initial", "00:00:05"),
            ("Latchwork:Timers:orders:MaxInFlight", "30"),
            ("Latchwork:Timers:short:CompletedRetention", "1h"),
            ("Latchwork:Locker:LeaseDuration", "7s"),
            ("Latchwork:SomebodyElse:Timers:x", "is no concern of this application"));
        app.Services.AddLatchwork().UseInMemory().AddTimer<Order>("orders", options => options.MaxInFlight = 40).AddTimer<Order>("short").AddTimer<Order>("none", options => options.CompletedRetention = TimeSpan.Zero).ConfigureLocker(options => options.LockTimeout = TimeSpan.FromMinutes(5));
        await app.StartAsync();

        TimerOptions options = app.Get<IOptionsMonitor<TimerOptions>>().Get("orders");
        (options.Namespace, options.MaxRetries, options.MaxEvents, options.MaxConcurrency, options.MaxInFlight).ShouldBe(("orders", 10, 20, 4, 40));
        (options.LeaseDuration, options.Backoff.Initial, options.Backoff.Max).ShouldBe((TimeSpan.FromMinutes(2), TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(10)));
        string[] timers = ["orders", "short", "none"];
        timers.Select(name => app.Get<IOptionsMonitor<TimerOptions>>().Get(name).CompletedRetention).ShouldBe([TimeSpan.FromDays(1), TimeSpan.FromHours(1), TimeSpan.Zero]);
        LockerOptions locker = app.Get<IOptionsMonitor<LockerOptions>>().CurrentValue;
        (locker.LeaseDuration, locker.LockTimeout).ShouldBe((TimeSpan.FromSeconds(7), TimeSpan.FromMinutes(5)));
        app.Get<DistributedTimer>("orders").NodeId.ShouldBe("web-1");
        app.Get<IProcessLocker>().NodeId.ShouldBe("web-1");
    }

    [Fact]
    public async Task A_given_section_is_read_in_place_of_the_usual_one()
    {
        await using var app = new TestApp(("Latchwork:NodeId", "no"), ("Elsewhere:NodeId", "yes"));
        IConfigurationSection section = new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create("Elsewhere:NodeId", (string?)"yes")]).Build().GetSection("Elsewhere");
        app.Services.AddLatchwork(section).UseInMemory();

        app.Get<IProcessLocker>().NodeId.ShouldBe("yes");
    }

    [Fact]
    public async Task A_section_is_read_though_a_module_has_called_before_but_not_two_sections()
    {
        await using var app = new TestApp(("Elsewhere:NodeId", "yes"));
        IConfiguration configuration = new ConfigurationBuilder().AddInMemoryCollection([KeyValuePair.Create("Elsewhere:NodeId", (string?)"yes")]).Build();
        app.Services.AddLatchwork().AddTimer<Order>("orders");
        app.Services.AddLatchwork(configuration.GetSection("Elsewhere")).UseInMemory();

        app.Get<IProcessLocker>().NodeId.ShouldBe("yes");
        Should.Throw<InvalidOperationException>(() => app.Services.AddLatchwork(configuration.GetSection("Other"))).Message.ShouldContain("'Elsewhere' already");
    }

    [Fact]
    public async Task Keyed_registrations_have_stores_timers_lockers_and_settings_of_their_own()
    {
        await using var app = new TestApp(("Latchwork:NodeId", "main"), ("Latchwork:eu:NodeId", "europe"));
        app.Services.AddLatchwork().UseInMemory().AddTimer<Order>("orders");
        app.Services.AddKeyedLatchwork("eu").UseInMemory().AddTimer<Order>("orders").AddLocker("reports");
        await app.StartAsync();

        await app.Get<IDistributedTimer<Order>>().PostAsync(new Order(1), TimeSpan.FromHours(1), new() { Id = "1" });

        (await app.Get<IDistributedTimer<Order>>("eu").PeekAsync("1")).ShouldBeNull();
        (await app.Get<IDistributedTimer<Order>>("orders").PeekAsync("1")).ShouldNotBeNull();
        app.Get<IDistributedTimer<Order>>("eu:orders").ShouldBeSameAs(app.Get<IDistributedTimer<Order>>("eu"));
        app.Get<LatchworkStore>("eu").ShouldNotBeSameAs(app.Get<LatchworkStore>());
        app.Get<IProcessLocker>("eu").NodeId.ShouldBe("europe");
        app.Get<IProcessLocker>("eu:reports").ShouldNotBeSameAs(app.Get<IProcessLocker>("eu"));
        app.Get<IProcessLocker>().NodeId.ShouldBe("main");
    }

    [Fact]
    public async Task Several_namespaces_with_events_of_one_type_are_told_apart_by_their_keys()
    {
        await using var app = new TestApp();
        app.Services.AddLatchwork().UseInMemory().AddTimer<Order>("unpaid").AddTimer<Order>("unsent");

        app.Get<IDistributedTimer<Order>>("unpaid").Namespace.ShouldBe("unpaid");
        app.Get<IDistributedTimer<Order>>("unsent").Namespace.ShouldBe("unsent");
        Should.Throw<InvalidOperationException>(() => app.Get<IDistributedTimer<Order>>()).Message.ShouldContain("'unpaid', 'unsent'");
    }

    [Fact]
    public async Task Adding_it_twice_gives_the_same_registration()
    {
        await using var app = new TestApp();
        app.Services.AddLatchwork().UseInMemory();
        app.Services.AddLatchwork().AddTimer<Order>("orders");
        app.Services.AddLatchwork().AddTimer<Order>("orders", (_, _, _) => Task.CompletedTask);

        app.Services.Count(service => service.ServiceType == typeof(IHostedService)).ShouldBe(1);
        app.Get<IDistributedTimer<Order>>().Namespace.ShouldBe("orders");
    }

    [Fact]
    public void What_contradicts_itself_is_refused_at_once()
    {
        LatchworkBuilder builder = new ServiceCollection().AddLatchwork().AddTimer<Order>("orders", (_, _, _) => Task.CompletedTask);

        Should.Throw<InvalidOperationException>(() => builder.AddTimer<Order>("orders", (_, _, _) => Task.CompletedTask)).Message.ShouldContain("a handler already");
        Should.Throw<InvalidOperationException>(() => builder.AddTimer<string>("orders")).Message.ShouldContain("events of type");
        Should.Throw<ArgumentException>(() => builder.AddTimer<Order>("")).Message.ShouldContain("1 to 512 bytes");
        Should.Throw<InvalidOperationException>(() => builder.Services.AddKeyedLatchwork("a").AddTimer<Order>("b:c").Services.AddKeyedLatchwork("a:b").AddTimer<Order>("c"))
            .Message.ShouldContain("'a:b:c'");
    }

    /// <summary>Whoever asks for the key would get the timer or the locker of the one or the other, on whichever store.</summary>
    [Fact]
    public void A_namespace_that_is_named_like_a_registration_is_refused_in_either_order()
    {
        var first = new ServiceCollection();
        first.AddLatchwork().AddLocker("eu").AddTimer<Order>("us");
        Should.Throw<InvalidOperationException>(() => first.AddKeyedLatchwork("eu")).Message.ShouldContain("'eu'");
        Should.Throw<InvalidOperationException>(() => first.AddKeyedLatchwork("us")).Message.ShouldContain("'us'");
        first.Count(service => "eu".Equals(service.ServiceKey) && service.ServiceType == typeof(IProcessLocker)).ShouldBe(1);

        var second = new ServiceCollection();
        second.AddKeyedLatchwork("eu");
        Should.Throw<InvalidOperationException>(() => second.AddLatchwork().AddLocker("eu")).Message.ShouldContain("'eu'");
        Should.Throw<InvalidOperationException>(() => second.AddLatchwork().AddTimer<Order>("eu")).Message.ShouldContain("'eu'");
    }

    public sealed record Order(int Number);
}
