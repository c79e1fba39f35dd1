using System.Text.Json.Serialization;
using Microsoft.Extensions.DependencyInjection;

namespace Latchwork.Tests.Testing;

/// <summary>The program of docs/aot.md, compiled.</summary>
internal static class AotExamples
{
    public static async Task WithoutReflectionAsync(
        DistributedTimer calls, TimerDelivery delivery, ProcessLocker locker, ServiceCollection services)
    {
        await calls.PostAsync(new Call("Ada"), SampleJson.Default.Call, TimeSpan.FromSeconds(1));
        Call? call = delivery.Read(SampleJson.Default.Call);
        Invoice invoice = await locker.RunOnceAsync("invoice:41", SampleJson.Default.Invoice, (lease, cancellationToken) => ComputeAsync(cancellationToken));
        services.AddLatchwork().AddTimer<Call, CallHandler>("calls", SampleJson.Default.Call);
    }

    private static Task<Invoice> ComputeAsync(CancellationToken cancellationToken) => Task.FromResult(new Invoice("41"));
}

internal sealed record Call(string Who);

internal sealed record Invoice(string Number);

internal sealed class CallHandler : ITimerHandler<Call>
{
    public Task HandleAsync(Call value, TimerDelivery delivery, CancellationToken cancellationToken) => Task.CompletedTask;
}

[JsonSerializable(typeof(Call))]
[JsonSerializable(typeof(Invoice))]
internal sealed partial class SampleJson : JsonSerializerContext;
