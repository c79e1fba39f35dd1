using System.ComponentModel.DataAnnotations;
using System.ComponentModel.DataAnnotations.Schema;
using Microsoft.EntityFrameworkCore;

namespace OrderDesk;

public sealed class Order
{
    [Key, DatabaseGenerated(DatabaseGeneratedOption.None)]
    public long Number { get; set; }

    public string State { get; set; } = "Open";
}

/// <summary>A voucher that an order has redeemed: each can be redeemed once.</summary>
public sealed class Redemption
{
    [Key]
    public required string Voucher { get; set; }

    public long Order { get; set; }
}

/// <summary>What was written to a customer: an effect that must not happen twice.</summary>
public sealed class Letter
{
    public long Id { get; set; }

    public long Order { get; set; }
}

public sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    public DbSet<Order> Orders => Set<Order>();

    public DbSet<Redemption> Redemptions => Set<Redemption>();

    public DbSet<Letter> Letters => Set<Letter>();
}
