using System.Data.Common;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Latchwork.StoreConformance.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using OrderDesk;
using Shouldly;
using Xunit;

namespace Latchwork.Samples.Tests;

/// <summary>The sample with EF Core: an order and its deadline in one transaction, under retries and with savepoints, and a handler that confirms in its own.</summary>
public sealed class OrderDeskTests : IAsyncLifetime
{
    private static readonly TimeSpan _hour = TimeSpan.FromHours(1);

    private readonly CommitFaults _commits = new();
    private string _database = "";
    private IHost _host = null!;

    public async Task InitializeAsync()
    {
        PostgresServer server = await PostgresServer.SharedAsync();
        string name = $"desk_{Guid.NewGuid():N}";
        await using (NpgsqlDataSource all = NpgsqlDataSource.Create(server.ConnectionString + ";Pooling=false"))
#pragma warning disable CA2100 // the name is this test's own
        await using (NpgsqlCommand create = all.CreateCommand($"CREATE DATABASE {name}"))
#pragma warning restore CA2100
            await create.ExecuteNonQueryAsync();
        _database = new NpgsqlConnectionStringBuilder(server.ConnectionString) { Database = name }.ConnectionString;
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Services.AddOrderDesk(_database);
        builder.Services.ConfigureDbContext<ShopContext>(options => options.AddInterceptors(_commits));
        _host = builder.Build();
        await WithAsync<ShopContext, bool>(static db => db.Database.EnsureCreatedAsync());
        await _host.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    private DistributedTimer Unpaid => _host.Services.GetRequiredKeyedService<DistributedTimer>("order-unpaid");

    [Fact]
    public async Task An_order_and_its_deadline_are_stored_together()
    {
        await PlaceAsync(1, _hour);
        (await StateAsync(1)).ShouldBe("Open");
        _host.Services.GetRequiredService<IDistributedTimer<OrderUnpaid>>().Read((await Unpaid.PeekAsync("1"))!).ShouldBe(new OrderUnpaid(1));
    }

    [Fact]
    public async Task Neither_is_there_if_the_commit_fails_for_good()
    {
        _commits.Fail(new InvalidOperationException("no"), afterwards: false);
        await Should.ThrowAsync<InvalidOperationException>(() => PlaceAsync(1, _hour));
        (await StateAsync(1)).ShouldBeNull();
        (await Unpaid.PeekAsync("1")).ShouldBeNull();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_commit_that_broke_is_repeated_if_it_has_not_happened_and_only_then(bool hasHappened)
    {
        int before = _commits.Seen;
        _commits.Fail(Broken(), hasHappened);
        await PlaceAsync(1, _hour);
        (_commits.Seen - before).ShouldBe(hasHappened ? 1 : 2);
        (await StateAsync(1)).ShouldBe("Open");
        (await Unpaid.GetStatsAsync()).Scheduled.ShouldBe(1);
    }

    [Fact]
    public async Task A_connection_that_breaks_before_the_post_is_made_anew_and_all_of_it_is_repeated()
    {
        await using NpgsqlDataSource administrator = NpgsqlDataSource.Create(_database + ";Pooling=false");
        _commits.AfterFirstSave = async transaction =>
        {
            await using NpgsqlCommand end = administrator.CreateCommand("SELECT pg_terminate_backend($1)");
            end.Parameters.Add(new NpgsqlParameter<int> { TypedValue = ((NpgsqlConnection)transaction.Connection!).ProcessID });
            await end.ExecuteNonQueryAsync();
        };
        await PlaceAsync(1, _hour);
        (await StateAsync(1)).ShouldBe("Open");
        (await Unpaid.GetStatsAsync()).Scheduled.ShouldBe(1);
    }

    [Fact]
    public async Task A_savepoint_takes_back_what_was_done_to_the_deadline_after_it()
    {
        (await PlaceAsync(1, "SUMMER", _hour)).ShouldBeTrue();
        (await PlaceAsync(2, "SUMMER", _hour)).ShouldBeFalse("it is redeemed");
        (await StateAsync(2)).ShouldBe("Open");
        (await Unpaid.PeekAsync("1"))!.TimeLeft.ShouldBeInRange(1.9 * _hour, 2 * _hour);
        (await Unpaid.PeekAsync("2"))!.TimeLeft.ShouldBeInRange(0.9 * _hour, _hour);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_handlers_writes_and_its_confirmation_happen_once_whatever_becomes_of_a_commit(bool? hasHappened)
    {
        await PlaceAsync(1, _hour);
        if (hasHappened is { } broken) _commits.Fail(Broken(), broken);
        await Unpaid.ChangeDelayAsync("1", TimeSpan.Zero);
        await Eventually.ReadsAsync(() => Unpaid.PeekAsync("1"), static e => e is { State: TimerState.Completed, Outcome: CompletedOutcome.Succeeded }, "it is confirmed, and its line is there");
        (await StateAsync(1)).ShouldBe("Cancelled");
        (await WithAsync<ShopContext, int>(static db => db.Letters.CountAsync())).ShouldBe(1);
    }

    [Fact]
    public async Task As_a_service_it_takes_orders_and_cancels_what_is_not_paid()
    {
        await using SampleProcess service = await SampleProcess.StartAsync("OrderDesk", "--ConnectionStrings:shop", _database, "--PayWithinSeconds", "1");
        (await service.Http.PostAsync("/orders/7", null)).StatusCode.ShouldBe(HttpStatusCode.Created);
        await Eventually.ReadsAsync(
            async () => (await service.Http.GetFromJsonAsync<JsonNode>("/orders/7"))!["state"]!.GetValue<string>(), static state => state == "Cancelled", "it is cancelled");
    }

    [Fact]
    public async Task Its_staff_looks_at_the_timers_and_only_operators_change_them()
    {
        await PlaceAsync(1, _hour);
        await using SampleProcess service = await SampleProcess.StartAsync(
            "OrderDesk", "--ConnectionStrings:shop", _database, "--Staff:ada:Password", "pass:word", "--Staff:ada:Role", "operator", "--Staff:ben:Password", "of-ben");
        const string Overview = "/latchwork/", Event = "/latchwork/api/timers/event?namespace=order-unpaid&id=1", Cancel = "/latchwork/api/timers/cancel";
        foreach (string? login in new[] { null, "ada:wrong", "cleo:", "ada" })
        {
            (await StatusAsync(Overview, login)).ShouldBe(HttpStatusCode.Unauthorized, login);
            (await StatusAsync(Event, login)).ShouldBe(HttpStatusCode.Unauthorized, login);
            (await StatusAsync(Cancel, login, change: true)).ShouldBe(HttpStatusCode.Unauthorized, login);
        }

        const string Ben = "ben:of-ben", Ada = "ada:pass:word";
        (await StatusAsync(Overview, Ben)).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(Event, Ben)).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync("/latchwork/confirm?action=cancel&ns=order-unpaid&id=1", Ben)).ShouldBe(HttpStatusCode.Forbidden);
        (await StatusAsync(Cancel, Ben, change: true)).ShouldBe(HttpStatusCode.Forbidden);
        (await Unpaid.PeekAsync("1")).ShouldNotBeNull();

        (await StatusAsync(Cancel, Ada, change: true)).ShouldBe(HttpStatusCode.OK);
        (await Unpaid.PeekAsync("1")).ShouldBeNull();
        (await StatusAsync("/latchwork/confirm?action=pause&ns=order-unpaid", Ada)).ShouldBe(HttpStatusCode.OK); // last: it sets a cookie, and the API takes none

        async Task<HttpStatusCode> StatusAsync(string path, string? login, bool change = false)
        {
            using var request = new HttpRequestMessage(change ? HttpMethod.Post : HttpMethod.Get, path);
            if (change) request.Content = JsonContent.Create(new { @namespace = "order-unpaid", id = "1" });
            if (login is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(login)));
            using HttpResponseMessage answer = await service.Http.SendAsync(request);
            return answer.StatusCode;
        }
    }

    // As Npgsql reports a connection that was lost.
    private static NpgsqlException Broken() => new("The connection is lost.", new IOException());

    private Task PlaceAsync(long number, TimeSpan payWithin) => WithAsync<Desk, bool>(async desk =>
    {
        await desk.PlaceAsync(number, payWithin);
        return true;
    });

    private Task<bool> PlaceAsync(long number, string voucher, TimeSpan payWithin) => WithAsync<Desk, bool>(desk => desk.PlaceAsync(number, voucher, payWithin));

    private Task<string?> StateAsync(long number) => WithAsync<ShopContext, string?>(async db => (await db.Orders.FindAsync(number))?.State);

    private async Task<T> WithAsync<TService, T>(Func<TService, Task<T>> act)
        where TService : notnull
    {
        await using AsyncServiceScope scope = _host.Services.CreateAsyncScope();
        return await act(scope.ServiceProvider.GetRequiredService<TService>());
    }

    /// <summary>Lets a commit fail, before it is sent or after it has happened.</summary>
    private sealed class CommitFaults : DbTransactionInterceptor, ISaveChangesInterceptor
    {
        private Exception? _before, _after;

        /// <summary>How many commits were begun.</summary>
        public int Seen { get; private set; }

        /// <summary>Called once, with the open transaction, when something was saved in it.</summary>
        public Func<DbTransaction, Task>? AfterFirstSave { get; set; }

        public void Fail(Exception failure, bool afterwards)
        {
            if (afterwards) _after = failure;
            else _before = failure;
        }

        public override ValueTask<InterceptionResult> TransactionCommittingAsync(
            DbTransaction transaction, TransactionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
        {
            Seen++;
            return Take(ref _before) is { } failure ? throw failure : new(result);
        }

        public override Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default) =>
            Take(ref _after) is { } failure ? throw failure : Task.CompletedTask;

        public async ValueTask<int> SavedChangesAsync(SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
        {
            if (AfterFirstSave is { } act && eventData.Context!.Database.CurrentTransaction is { } transaction)
            {
                AfterFirstSave = null;
                await act(Microsoft.EntityFrameworkCore.Storage.DbContextTransactionExtensions.GetDbTransaction(transaction));
            }

            return result;
        }

        private static Exception? Take(ref Exception? failure) => Interlocked.Exchange(ref failure, null);
    }
}
