using Latchwork;

await using var store = await RedisStore.ConnectAsync("redis://localhost:6379");
await using var unpaid = new DistributedTimer(store, new() { Namespace = "order-unpaid" });

await unpaid.JoinAsync((delivery, cancellationToken) =>    // on as many nodes as you like
{
    Console.WriteLine($"{delivery.Id}: {delivery.Read<Order>()}, {delivery.Lateness.TotalMilliseconds:F1} ms late");
    return Task.CompletedTask;                             // returning confirms; throwing retries
});

await unpaid.PostAsync(new Order(41), TimeSpan.FromSeconds(2), new() { Id = "41" });
await unpaid.PostAsync(new Order(42), TimeSpan.FromSeconds(2), new() { Id = "42" });
Console.WriteLine(await unpaid.CancelAsync("42"));         // Done: paid in time

await Task.Delay(TimeSpan.FromSeconds(3));

internal sealed record Order(int Number);
