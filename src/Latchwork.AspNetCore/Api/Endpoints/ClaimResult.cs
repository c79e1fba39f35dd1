using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Latchwork.Api.Endpoints;

/// <summary>
/// The answer to a claim. If the request is found closed before its first byte, what was claimed is handed back, with no retry spent; whoever vanishes
/// later is left to the lease.
/// </summary>
/// <param name="deliveries">What was claimed.</param>
/// <param name="onHandBack">Called when it is handed back.</param>
internal sealed class ClaimResult(IReadOnlyList<TimerDelivery> deliveries, Action onHandBack) : IResult
{
    public static ClaimAnswer Show(IReadOnlyList<TimerDelivery> deliveries) => new([.. deliveries.Select(delivery =>
    {
        (JsonElement? data, string? base64) = ApiJson.Show(delivery.Payload);
        return new DeliveryAnswer(
            delivery.Id,
            delivery.Token,
            data,
            base64,
            delivery.Headers.Count > 0 ? delivery.Headers : null,
            delivery.Retries,
            delivery.MaxRetries,
            delivery.Due,
            Read.Milliseconds(delivery.Lateness),
            (long)delivery.LeaseLeft.TotalMilliseconds);
    })]);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        try
        {
            byte[] body = JsonSerializer.SerializeToUtf8Bytes(Show(deliveries), ApiJson.Options);
            httpContext.RequestAborted.ThrowIfCancellationRequested();
            httpContext.Response.ContentType = "application/json; charset=utf-8";
            httpContext.Response.ContentLength = body.Length;
            await httpContext.Response.Body.WriteAsync(body, httpContext.RequestAborted).ConfigureAwait(false);
        }
        catch when (!httpContext.Response.HasStarted)
        {
            onHandBack();
            await Task.WhenAll(deliveries.Select(delivery => delivery.HandBackAsync())).ConfigureAwait(false);
            if (!httpContext.RequestAborted.IsCancellationRequested) throw;
        }
    }
}
