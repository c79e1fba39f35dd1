using Latchwork;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace OrderDesk;

/// <summary>The event: the time to pay an order is over.</summary>
public sealed record OrderUnpaid(long Number);

/// <summary>Takes orders. An order and its deadline are stored together or not at all.</summary>
public sealed class Desk(ShopContext db, [FromKeyedServices("order-unpaid")] DistributedTimer unpaid)
{
    public Task PlaceAsync(long number, TimeSpan payWithin, CancellationToken cancellationToken = default)
    {
        // With EnableRetryOnFailure EF Core wants the whole transaction in here, so that it can be repeated as a whole. If nobody knows whether
        // the commit has happened, the last line finds out.
        return db.Database.CreateExecutionStrategy().ExecuteInTransactionAsync(
            async cancel =>
            {
                db.ChangeTracker.Clear();
                db.Orders.Add(new Order { Number = number });
                await db.SaveChangesAsync(cancel);
                await unpaid.WithTransaction(db.Database.CurrentTransaction!.GetDbTransaction())
                    .PostAsync(new OrderUnpaid(number), payWithin, new() { Id = $"{number}" }, cancel);
            },
            cancel => db.Orders.AsNoTracking().AnyAsync(order => order.Number == number, cancel),
            cancellationToken);
    }

    /// <summary>The same with a voucher. If that has been redeemed before, the order is placed without it, and what was posted for it is taken back.</summary>
    /// <returns>Whether the voucher was redeemed.</returns>
    public Task<bool> PlaceAsync(long number, string voucher, TimeSpan payWithin, CancellationToken cancellationToken = default)
    {
        return db.Database.CreateExecutionStrategy().ExecuteInTransactionAsync(
            async cancel =>
            {
                db.ChangeTracker.Clear();
                IDbContextTransaction transaction = db.Database.CurrentTransaction!;
                TransactionalTimer inside = unpaid.WithTransaction(transaction.GetDbTransaction());
                db.Orders.Add(new Order { Number = number });
                await db.SaveChangesAsync(cancel);
                await inside.PostAsync(new OrderUnpaid(number), payWithin, new() { Id = $"{number}" }, cancel);

                await transaction.CreateSavepointAsync("voucher", cancel);
                await inside.ChangeDelayAsync($"{number}", 2 * payWithin, cancel);         // a voucher buys time
                var redemption = new Redemption { Voucher = voucher, Order = number };
                db.Redemptions.Add(redemption);
                try
                {
                    await db.SaveChangesAsync(cancel);
                    return true;
                }
                catch (DbUpdateException)
                {
                    await transaction.RollbackToSavepointAsync("voucher", cancel);          // the longer time goes, too
                    db.Entry(redemption).State = EntityState.Detached;
                    return false;
                }
            },
            cancel => db.Orders.AsNoTracking().AnyAsync(order => order.Number == number, cancel),
            cancellationToken);
    }
}
