using System.Text;
using Latchwork.StoreConformance.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace Latchwork.Redis.Tests.Hosting;

public sealed class RedisHostingTests
{
    private const string Secret = "hunter2-of-the-test";

    [Fact]
    public async Task An_application_starts_while_its_server_is_down_and_works_when_the_server_comes()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        server.Kill();
        var handled = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        using IHost app = Build(
            [("Latchwork:Redis:ConnectionString", server.Uri)],
            builder => builder.UseRedis().AddTimer<string>("orders", (value, _, _) =>
            {
                handled.TrySetResult(value);
                return Task.CompletedTask;
            }));

        await app.StartAsync();
        app.Services.GetRequiredKeyedService<DistributedTimer>("orders").IsJoined.ShouldBeFalse();
        await server.StartAgainAsync();
        await Eventually.HoldsAsync(() => app.Services.GetRequiredKeyedService<DistributedTimer>("orders").IsJoined, "it has joined");
        await app.Services.GetRequiredService<IDistributedTimer<string>>().PostAsync("hello", TimeSpan.Zero);

        (await handled.Task.WaitAsync(TimeSpan.FromSeconds(30))).ShouldBe("hello");
        await app.StopAsync();
    }

    [Fact]
    public async Task Settings_of_the_configuration_add_to_the_address_and_code_has_the_last_word()
    {
        await using RedisServer server = await RedisServer.StartAsync(new RedisServerOptions { Password = Secret });
        using IHost app = Build(
            [("Latchwork:Redis:KeyPrefix", "overruled:"), ("Latchwork:Redis:Partitions", "3")],
            builder => builder.UseRedis($"redis://:{Secret}@127.0.0.1:{server.Port}/3?prefix=from-address:", options => options.KeyPrefix = "from-code:").AddTimer<string>("orders"));
        await app.StartAsync();

        await app.Services.GetRequiredService<IDistributedTimer<string>>().PostAsync("x", TimeSpan.FromHours(1), new() { Id = "1" });

        app.Services.GetRequiredService<LatchworkStore>().Description.ShouldBe($"redis://127.0.0.1:{server.Port}/3");
        await using RedisStore store = await RedisStore.ConnectAsync($"redis://:{Secret}@127.0.0.1:{server.Port}/3?prefix=from-code:&partitions=3");
        (await new DistributedTimer(store, new() { Namespace = "orders" }).PeekAsync("1")).ShouldNotBeNull();
        await app.StopAsync();
    }

    [Fact]
    public async Task All_that_is_wrong_is_named_but_never_the_password()
    {
        using IHost app = Build(
            [
                ("Latchwork:Redis:ConnectionString", $"redis://:{Secret}@localhost:99999/1"),
                ("Latchwork:Redis:Pasword", Secret),
                ("Latchwork:Redis:CommandTimeout", "soon"),
            ],
            builder => builder.UseRedis(options => options.Partitions = 5000));

        OptionsValidationException failure = await Should.ThrowAsync<OptionsValidationException>(() => app.StartAsync());

        failure.Message.ShouldNotContain(Secret);
        foreach (string named in (string[])["a port is not a number", "Unknown setting 'Latchwork:Redis:Pasword'", "'Latchwork:Redis:CommandTimeout' must be a duration", "'Partitions' must be between 1 and 1024; it is 5000"])
        {
            failure.Message.ShouldContain(named);
        }
    }

    [Fact]
    public void Replication_can_be_configured_and_adds_to_the_address()
    {
        RedisOptions bare = Read("redis://a", ("Replication:Writes", "posts"));
        (bare.Replication!.Replicas, bare.Replication.Writes).ShouldBe((1, ReplicatedWrites.Posts));

        RedisOptions added = Read("rediss://a?tlsHost=b&waitReplicas=2", ("Replication:Timeout", "2s"));
        (added.Replication!.Replicas, added.Replication.Timeout).ShouldBe((2, TimeSpan.FromSeconds(2)));

        Read("redis://a").Replication.ShouldBeNull();
    }

    [Fact]
    public async Task Wrong_settings_of_replication_are_named()
    {
        using IHost app = Build(
            [
                ("Latchwork:Redis:ConnectionString", "rediss://localhost"),
                ("Latchwork:Redis:Replication:Writes", "1"),
                ("Latchwork:Redis:Replication:Replicas", "0"),
                ("Latchwork:Redis:Tls:Enabled", "true"),
            ],
            builder => builder.UseRedis());

        string message = (await Should.ThrowAsync<OptionsValidationException>(() => app.StartAsync())).Message;

        foreach (string named in (string[])["'Latchwork:Redis:Replication:Writes' must be one of None, Posts, Publishes, All", "replicas", "Latchwork:Redis:Tls"])
        {
            message.ShouldContain(named);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Without_any_connection_the_host_does_not_start_and_is_told_all_ways_to_give_one(bool key)
    {
        using IHost app = Build([], builder => builder.UseRedis(serviceKey: key ? "cache" : null).AddTimer<string>("orders"));

        string message = (await Should.ThrowAsync<OptionsValidationException>(() => app.StartAsync())).Message;

        foreach (string named in (string[])["UseRedis(", "Latchwork:Redis:ConnectionString", "IConnectionMultiplexer"])
        {
            message.ShouldContain(named);
        }

        message.Contains("the key 'cache'", StringComparison.Ordinal).ShouldBe(key);
        message.ShouldNotContain("localhost");
    }

    [Fact]
    public async Task The_argument_comes_first_then_the_setting_then_the_registered_connection()
    {
        await using RedisServer argument = await RedisServer.StartAsync();
        await using RedisServer setting = await RedisServer.StartAsync();
        await using RedisServer registered = await RedisServer.StartAsync();
        await using RedisServer keyed = await RedisServer.StartAsync();
        await using ConnectionMultiplexer plain = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{registered.Port}");
        await using ConnectionMultiplexer other = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{keyed.Port}");
        (string, string?)[] settings = [("Latchwork:Redis:ConnectionString", $"127.0.0.1:{setting.Port}")];

        (await UsedAsync(settings, builder => builder.UseRedis($"redis://127.0.0.1:{argument.Port}"))).ShouldBe(argument.Port);
        (await UsedAsync(settings, builder => builder.UseRedis(_ => ConfigurationOptions.Parse($"127.0.0.1:{argument.Port}")))).ShouldBe(argument.Port);
        (await UsedAsync(settings, builder => builder.UseRedis(services => services.GetRequiredKeyedService<IConnectionMultiplexer>("cache")))).ShouldBe(keyed.Port);
        (await UsedAsync(settings, builder => builder.UseRedis())).ShouldBe(setting.Port);
        (await UsedAsync(settings, builder => builder.UseRedis(serviceKey: "cache"))).ShouldBe(setting.Port);
        (await UsedAsync([], builder => builder.UseRedis())).ShouldBe(registered.Port);
        (await UsedAsync([], builder => builder.UseRedis(serviceKey: "cache"))).ShouldBe(keyed.Port);

        // The application's connections are still its own.
        (plain.IsConnected, other.IsConnected).ShouldBe((true, true));
        (await plain.GetDatabase().PingAsync()).ShouldBeGreaterThan(TimeSpan.Zero);

        async Task<int> UsedAsync((string, string?)[] configuration, Action<LatchworkBuilder> use)
        {
            using IHost app = Build(configuration, builder =>
            {
                use(builder);
                builder.AddTimer<string>("orders");
                builder.Services.AddSingleton<IConnectionMultiplexer>(plain);
                builder.Services.AddKeyedSingleton<IConnectionMultiplexer>("cache", other);
            });
            await app.StartAsync();
            await app.Services.GetRequiredService<IDistributedTimer<string>>().PostAsync("x", TimeSpan.FromHours(1));
            string description = app.Services.GetRequiredService<LatchworkStore>().Description;
            await app.StopAsync();
            return new Uri(description).Port;
        }
    }

    /// <summary>What users write must compile, and mean what it looks like.</summary>
    [Fact]
    public async Task Both_kinds_of_functions_are_told_apart_by_what_they_return()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using ConnectionMultiplexer multiplexer = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{server.Port}");
        string address = $"127.0.0.1:{server.Port}";
        Action<LatchworkBuilder>[] ways =
        [
            builder => builder.UseRedis(_ => new ConfigurationOptions { EndPoints = { address } }),
            builder => builder.UseRedis(_ => ConfigurationOptions.Parse(address), options => options.KeyPrefix = "x:"),
            builder => builder.UseRedis(services =>
            {
                var settings = ConfigurationOptions.Parse(services.GetRequiredService<IConfiguration>()["address"]!);
                settings.Ssl = false;
                return settings;
            }),
            builder => builder.UseRedis(_ => multiplexer),
            builder => builder.UseRedis(services => services.GetRequiredService<IConnectionMultiplexer>()),
            builder => builder.UseRedis(_ => (IConnectionMultiplexer)multiplexer, options => options.KeyPrefix = "x:"),
            builder => builder.UseRedis(options => options.KeyPrefix = "x:"),
            builder => builder.UseRedis(options => { options.KeyPrefix = "x:"; }, serviceKey: null),
        ];

        foreach (Action<LatchworkBuilder> way in ways)
        {
            using IHost app = Build([("address", address)], builder =>
            {
                way(builder);
                builder.AddTimer<string>("orders").Services.AddSingleton<IConnectionMultiplexer>(multiplexer);
            });
            await app.StartAsync();
            await app.Services.GetRequiredService<IDistributedTimer<string>>().PostAsync("x", TimeSpan.FromHours(1));
            await app.StopAsync();
        }

        multiplexer.IsConnected.ShouldBeTrue();
    }

    [Fact]
    public async Task A_function_that_gives_nothing_and_one_that_cannot_are_errors()
    {
        (string, string?)[] settings = [("Latchwork:Redis:ConnectionString", "redis://elsewhere")];
        using IHost nothing = Build(settings, builder => builder.UseRedis(_ => (IConnectionMultiplexer)null!));
        (await Should.ThrowAsync<OptionsValidationException>(() => nothing.StartAsync())).Message.ShouldContain("returned null");
        using IHost wrong = Build(settings, builder => builder.UseRedis(_ => new ConfigurationOptions { Password = Secret }));
        string message = (await Should.ThrowAsync<OptionsValidationException>(() => wrong.StartAsync())).Message;
        message.ShouldContain("name a server");
        message.ShouldNotContain(Secret);
    }

    [Fact]
    public async Task Credentials_of_the_application_are_used_and_never_shown()
    {
        await using RedisServer server = await RedisServer.StartAsync(new RedisServerOptions { Password = Secret });
        using IHost app = Build([], builder => builder
            .UseRedis(_ => new ConfigurationOptions { EndPoints = { { "127.0.0.1", server.Port } }, Password = Secret })
            .AddTimer<string>("orders"));
        await app.StartAsync();
        await app.Services.GetRequiredService<IDistributedTimer<string>>().PostAsync("x", TimeSpan.FromHours(1));
        app.Services.GetRequiredService<LatchworkStore>().Description.ShouldNotContain(Secret);
        await app.StopAsync();
    }

    [Fact]
    public async Task Replicas_cannot_be_waited_for_over_the_applications_connection()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using ConnectionMultiplexer multiplexer = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{server.Port}");
        using IHost app = Build([("Latchwork:Redis:Replication:Replicas", "1")], builder => builder.UseRedis(_ => multiplexer));
        (await Should.ThrowAsync<OptionsValidationException>(() => app.StartAsync())).Message.ShouldContain("wait for replicas");
    }

    [Fact]
    public async Task Reconnects_are_counted()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisStore store = await RedisStore.ConnectAsync(server.Uri);
        store.Reconnects.ShouldBe(0);

        server.Kill();
        await server.StartAgainAsync();

        await Eventually.HoldsAsync(() => store.Reconnects == 1, "the connection was made anew");
    }

    /// <summary>The programs of docs/hosting.md.</summary>
    [Fact]
    public void The_examples_of_docs_hosting_are_right()
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddLatchwork()
            .UseRedis("redis://localhost:6379")
            .AddTimer<OrderUnpaid, CancelUnpaidOrder>("order-unpaid");
        builder.Services.AddHealthChecks().AddLatchwork();
        using IHost app = builder.Build();

        app.Services.GetRequiredService<IDistributedTimer<OrderUnpaid>>().Namespace.ShouldBe("order-unpaid");
    }

    [Fact]
    public void The_settings_of_docs_hosting_are_valid_and_two_replicas_can_share_them()
    {
        string json = Docs.Blocks(File.ReadAllText(Docs.PathTo("docs", "hosting.md")), "json").Single();

        using IHost first = Replica(json);
        using IHost second = Replica(json);

        foreach (IHost replica in (IHost[])[first, second]) replica.Services.GetRequiredService<IStartupValidator>().Validate();
        NodeId(first).ShouldNotBe(NodeId(second));

        static string NodeId(IHost replica) => replica.Services.GetRequiredKeyedService<DistributedTimer>("order-unpaid").NodeId;

        static IHost Replica(string json)
        {
            var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
            builder.Configuration.AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json)));
            builder.Services.AddLatchwork().UseRedis().AddLocker("reports").AddTimer<OrderUnpaid, CancelUnpaidOrder>("order-unpaid");
            return builder.Build();
        }
    }

    /// <summary>What an address and settings make of the options, as the code that has the last word sees them.</summary>
    private static RedisOptions Read(string address, params (string Key, string? Value)[] settings)
    {
        RedisOptions? read = null;
        using IHost app = Build(
            [("Latchwork:Redis:ConnectionString", address), .. settings.Select(one => ($"Latchwork:Redis:{one.Key}", one.Value))],
            builder => builder.UseRedis(options => read = options));
        app.Services.GetRequiredService<LatchworkStore>();
        return read!;
    }

    private static IHost Build((string Key, string? Value)[] settings, Action<LatchworkBuilder> configure)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddInMemoryCollection(settings.Select(one => KeyValuePair.Create(one.Key, one.Value)));
        configure(builder.Services.AddLatchwork());
        return builder.Build();
    }

    private sealed record OrderUnpaid(int Number);

    private sealed class CancelUnpaidOrder : ITimerHandler<OrderUnpaid>
    {
        public Task HandleAsync(OrderUnpaid value, TimerDelivery delivery, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
