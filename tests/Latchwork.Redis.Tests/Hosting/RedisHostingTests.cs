using Latchwork.StoreConformance.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Shouldly;
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
        await app.Services.GetRequiredService<ITimer<string>>().PostAsync("hello", TimeSpan.Zero);

        (await handled.Task.WaitAsync(TimeSpan.FromSeconds(30))).ShouldBe("hello");
        await app.StopAsync();
    }

    [Fact]
    public async Task Settings_of_the_configuration_add_to_the_address_and_code_has_the_last_word()
    {
        await using RedisServer server = await RedisServer.StartAsync(new RedisServerOptions { Password = Secret });
        using IHost app = Build(
            [("Latchwork:Redis:Password", Secret), ("Latchwork:Redis:Database", "3"), ("Latchwork:Redis:ClientName", "from-configuration")],
            builder => builder.UseRedis($"redis://127.0.0.1:{server.Port}", options => options.ClientName = "from-code").AddTimer<string>("orders"));
        await app.StartAsync();

        await app.Services.GetRequiredService<ITimer<string>>().PostAsync("x", TimeSpan.FromHours(1), new() { Id = "1" });

        app.Services.GetRequiredService<LatchworkStore>().Description.ShouldBe($"redis://127.0.0.1:{server.Port}/3");
        await using RedisStore store = await RedisStore.ConnectAsync($"redis://:{Secret}@127.0.0.1:{server.Port}/3");
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
            builder => builder.UseRedis(options =>
            {
                options.Password = Secret;
                options.ConnectTimeout = TimeSpan.FromHours(1);
            }));

        OptionsValidationException failure = await Should.ThrowAsync<OptionsValidationException>(() => app.StartAsync());

        failure.Message.ShouldNotContain(Secret);
        foreach (string named in (string[])["99999", "'Latchwork:Redis:Pasword' is no setting", "'Latchwork:Redis:CommandTimeout' must be a time", "connect timeout '3600 s'"])
        {
            failure.Message.ShouldContain(named);
        }
    }

    [Fact]
    public void Tls_and_replication_can_be_configured_and_add_to_the_address()
    {
        RedisOptions bare = Read("redis://a", ("Tls:Enabled", "true"), ("Replication:Writes", "posts"));
        (bare.Tls!.AuthorityFile, bare.Tls.HostName, bare.Replication!.Replicas, bare.Replication.Writes).ShouldBe((null, null, 1, ReplicatedWrites.Posts));

        string file = typeof(RedisHostingTests).Assembly.Location; // any that exists
        RedisOptions added = Read("rediss://a?tlsHost=b&waitReplicas=2", ("Tls:AuthorityFile", file), ("Replication:Timeout", "2s"));
        (added.Tls!.AuthorityFile, added.Tls.HostName).ShouldBe((file, "b"));
        (added.Replication!.Replicas, added.Replication.Timeout).ShouldBe((2, TimeSpan.FromSeconds(2)));

        RedisOptions none = Read("redis://a", ("Tls:Enabled", "false"));
        (none.Tls, none.Replication).ShouldBe((null, null));
    }

    [Fact]
    public async Task Wrong_settings_of_tls_and_replication_are_named()
    {
        using IHost app = Build(
            [
                ("Latchwork:Redis:ConnectionString", "rediss://localhost"),
                ("Latchwork:Redis:Tls:Enabled", "false"),
                ("Latchwork:Redis:Tls:CaFile", "/ca.pem"),
                ("Latchwork:Redis:Replication:Writes", "1"),
                ("Latchwork:Redis:Replication:Replicas", "0"),
            ],
            builder => builder.UseRedis());

        string message = (await Should.ThrowAsync<OptionsValidationException>(() => app.StartAsync())).Message;

        foreach (string named in (string[])
            [
                "'Latchwork:Redis:Tls:Enabled' is false, but the address asks for TLS",
                "'Latchwork:Redis:Tls:CaFile' is no setting; there are AuthorityFile, CertificateFile, Enabled, HostName, KeyFile",
                "'Latchwork:Redis:Replication:Writes' must be one of None, Posts, Publishes, All",
                "replicas",
            ])
        {
            message.ShouldContain(named);
        }
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

        app.Services.GetRequiredService<ITimer<OrderUnpaid>>().Namespace.ShouldBe("order-unpaid");
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
        public Task HandleAsync(OrderUnpaid value, TimerDelivery delivery, CancellationToken stop) => Task.CompletedTask;
    }
}
