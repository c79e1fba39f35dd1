using Latchwork;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Npgsql.EntityFrameworkCore.PostgreSQL;

namespace OrderDesk;

/// <summary>What <c>EnableRetryOnFailure</c> does, and the same for what timers report: a connection that broke may break under either.</summary>
public sealed class RetryOnFailure(ExecutionStrategyDependencies dependencies) : NpgsqlRetryingExecutionStrategy(dependencies)
{
    protected override bool ShouldRetryOn(Exception? exception) => exception is LatchworkStoreException { IsTransient: true } || base.ShouldRetryOn(exception);
}

public static class OrderDeskServices
{
    /// <summary>Adds the shop on one database, with one pool of connections for EF Core and for timers, which have a schema of their own there.</summary>
    public static IServiceCollection AddOrderDesk(this IServiceCollection services, string database)
    {
        services.AddSingleton(NpgsqlDataSource.Create(database));
        services.AddDbContext<ShopContext>((provider, options) => options.UseNpgsql(
            provider.GetRequiredService<NpgsqlDataSource>(), npgsql => npgsql.ExecutionStrategy(dependencies => new RetryOnFailure(dependencies))));
        services.AddLatchwork().UsePostgres().AddTimer<OrderUnpaid, CancelUnpaidOrder>("order-unpaid");
        return services.AddScoped<Desk>();
    }
}
