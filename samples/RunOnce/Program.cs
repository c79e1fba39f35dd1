using Latchwork;

await using var store = await RedisStore.ConnectAsync("redis://localhost:6379");
await using var locker = new ProcessLocker(store);

string report = await locker.RunOnceAsync("report:2026-11", async (lease, cancellationToken) =>
{                                                          // one node runs this, however many ask
    Console.WriteLine($"working, fencing token {lease.FencingToken}");
    await Task.Delay(TimeSpan.FromSeconds(3), cancellationToken); // cancellationToken fires if the lease is lost
    return $"computed by {Environment.ProcessId}";
}, new() { ResultTimeout = TimeSpan.FromMinutes(10) });    // every caller gets the same

Console.WriteLine(report);
