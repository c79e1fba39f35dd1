using Latchwork.StoreConformance.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Hosting;

/// <summary>PostgreSQL as the store of an application.</summary>
public sealed class PostgresHostingTests
{
    private readonly string _schema = $"h_{Guid.NewGuid():N}";

    [Fact]
    public async Task The_registered_data_source_is_used_and_a_post_in_its_transaction_is_a_part_of_it()
    {
        using IHost host = await StartAsync(async services =>
        {
            services.AddSingleton(NpgsqlDataSource.Create((await PostgresServer.SharedAsync()).ConnectionString));
            services.AddLatchwork().UsePostgres(options => options.Schema = _schema).AddTimer<Reminder>("typed");
        });
        var store = host.Services.GetRequiredService<LatchworkStore>();
        var typed = host.Services.GetRequiredService<IDistributedTimer<Reminder>>();
        await using var timer = new DistributedTimer(store, new() { Namespace = "ns" });
        await using NpgsqlConnection connection = await host.Services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync();
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync())
        {
            await timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "rolled back" });
        }

        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync())
        {
            await timer.WithTransaction(transaction).PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "committed" });
            ITransactionalTimer<Reminder> inside = typed.WithTransaction(transaction);
            await inside.PostAsync(new Reminder("a"), TimeSpan.FromHours(1), new() { Id = "a" });
            await inside.PostAsync([new(new Reminder("b"), TimeSpan.FromHours(1), new() { Id = "b" }), new(new Reminder("c"), TimeSpan.FromHours(1), new() { Id = "c" })]);
            (await inside.CancelAsync("c")).ShouldBe(TimerOutcome.Done);
            (await inside.ChangeDelayAsync("b", TimeSpan.FromHours(3))).ShouldBe(TimerOutcome.Done);
            (await typed.PeekAsync("a")).ShouldBeNull("it is not committed");
            await transaction.CommitAsync();
        }

        (await timer.PeekAsync("rolled back")).ShouldBeNull();
        (await timer.PeekAsync("committed")).ShouldNotBeNull();
        typed.Read((await typed.PeekAsync("a"))!).Text.ShouldBe("a");
        (await typed.PeekAsync("b"))!.TimeLeft.ShouldBeGreaterThan(TimeSpan.FromHours(2));
        (await typed.GetStatsAsync()).Scheduled.ShouldBe(2);
        await host.StopAsync();
    }

    [Fact]
    public async Task The_connection_string_and_settings_come_from_the_configuration()
    {
        using IHost host = await StartAsync(
            services =>
            {
                services.AddLatchwork().UsePostgres();
                return Task.CompletedTask;
            },
            ("Latchwork:Postgres:ConnectionString", (await PostgresServer.SharedAsync()).Uri), ("Latchwork:Postgres:Schema", _schema), ("Latchwork:Postgres:MaxConnections", "2"));
        var store = host.Services.GetRequiredService<LatchworkStore>();
        (await store.Timers.OpenAsync("ns", CancellationToken.None)).ShouldBe(1);
        store.Description.ShouldContain(_schema);
        await host.StopAsync();
    }

    [Fact]
    public async Task Without_a_connection_the_host_does_not_start_and_everything_wrong_is_named()
    {
        Exception e = await Should.ThrowAsync<Exception>(() => StartAsync(
            services =>
            {
                services.AddLatchwork().UsePostgres();
                return Task.CompletedTask;
            },
            ("Latchwork:Postgres:Shema", "x"), ("Latchwork:Postgres:MaxConnections", "0")));
        foreach (string part in (string[])["No PostgreSQL connection", "Shema", "MaxConnections"]) e.Message.ShouldContain(part);
    }

    private static async Task<IHost> StartAsync(Func<IServiceCollection, Task> configure, params (string Key, string Value)[] settings)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)));
        await configure(builder.Services);
        IHost host = builder.Build();
        await host.StartAsync();
        return host;
    }

    private sealed record Reminder(string Text);
}
