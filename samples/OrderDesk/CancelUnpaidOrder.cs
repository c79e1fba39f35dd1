using Latchwork;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace OrderDesk;

/// <summary>Cancels an order that was not paid, writes a letter, and confirms the event: in one transaction, so that no letter is written twice.</summary>
public sealed class CancelUnpaidOrder(ShopContext db) : ITimerHandler<OrderUnpaid>
{
    public Task HandleAsync(OrderUnpaid value, TimerDelivery delivery, CancellationToken cancellationToken) =>
        db.Database.CreateExecutionStrategy().ExecuteAsync(async cancel =>
        {
            db.ChangeTracker.Clear();
            await using IDbContextTransaction transaction = await db.Database.BeginTransactionAsync(cancel);
            int cancelled = await db.Orders.Where(order => order.Number == value.Number && order.State == "Open")
                .ExecuteUpdateAsync(set => set.SetProperty(order => order.State, "Cancelled"), cancel);
            if (cancelled > 0) db.Letters.Add(new Letter { Order = value.Number });
            await db.SaveChangesAsync(cancel);
            await delivery.ConfirmAsync(transaction.GetDbTransaction(), cancel);
            await transaction.CommitAsync(cancel);
        }, cancellationToken);
}
