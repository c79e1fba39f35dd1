using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Serialization;
using Latchwork;

// A trimmed program has no reflection for JSON. So it gives every payload and result its JsonTypeInfo, and never the overloads without:
// the compiler warns of those.
string address = args is [var given] ? given : "trimmed.db";
await using LatchworkStore store = address.Contains("://", StringComparison.Ordinal)
    ? await RedisStore.ConnectAsync(address)
    : await SqliteStore.OpenAsync(address);

await using var calls = new DistributedTimer(store, new() { Namespace = "calls", LeaseDuration = TimeSpan.FromMinutes(1), MaxRetries = 3 });
var left = new ConcurrentDictionary<string, bool> { ["Ada"] = true, ["Ben"] = true, ["Cleo"] = true };
var allCalled = new TaskCompletionSource();
await calls.JoinAsync((delivery, _) =>
{
    string who = delivery.Read(SampleJson.Default.Call)!.Who;
    if (left.TryRemove(who, out bool _)) Console.WriteLine($"call {who}");
    if (left.IsEmpty) allCalled.TrySetResult();
    return Task.CompletedTask;
});

foreach (string who in left.Keys) await calls.PostAsync(new Call(who), SampleJson.Default.Call, TimeSpan.FromSeconds(1));
await calls.PostAsync(new Call("Dora"), SampleJson.Default.Call, TimeSpan.FromHours(1), new() { Id = "dora" });
Console.WriteLine($"cancelled: {await calls.CancelAsync("dora")}");
await allCalled.Task;

await using var locker = new ProcessLocker(store, new() { LeaseDuration = TimeSpan.FromMinutes(1) });
int runs = 0;
Invoice[] invoices = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => locker.RunOnceAsync("invoice:41", SampleJson.Default.Invoice, (_, _) =>
{
    Interlocked.Increment(ref runs);
    return Task.FromResult(new Invoice("41", 1234.5m));
})));
string totals = string.Join(", ", invoices.Select(invoice => invoice.Total.ToString("N2", CultureInfo.InvariantCulture)).Distinct());
Console.WriteLine($"{invoices.Length} callers, {runs} run, {invoices.Distinct().Count()} total: {totals}");

internal sealed record Call(string Who);

internal sealed record Invoice(string Number, decimal Total);

[JsonSerializable(typeof(Call))]
[JsonSerializable(typeof(Invoice))]
internal sealed partial class SampleJson : JsonSerializerContext;
