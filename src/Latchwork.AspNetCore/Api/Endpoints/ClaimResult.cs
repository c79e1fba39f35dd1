using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Latchwork.Api.Endpoints;

/// <summary>
/// The answer to a claim. If the request is found closed before its first byte, what was claimed is handed back, with no retry spent; whoever vanishes
/// later is left to the lease.
/// </summary>
/// <param name="token">The token of the claim.</param>
/// <param name="deliveries">What was claimed.</param>
/// <param name="tryTakeBack">Takes it back; false if it has been given to a repetition of the claim, which keeps it.</param>
internal sealed class ClaimResult(string token, IReadOnlyList<TimerDelivery> deliveries, Func<bool> tryTakeBack) : IResult
{
    public static ClaimAnswer Show(string token, IEnumerable<(TimerDelivery Delivery, TimeSpan LeaseLeft)> deliveries) => new(token, [.. deliveries.Select(one =>
    {
        TimerDelivery delivery = one.Delivery;
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
            (long)Math.Max(0, one.LeaseLeft.TotalMilliseconds));
    })]);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        try
        {
            byte[] body = JsonSerializer.SerializeToUtf8Bytes(Show(token, deliveries.Select(static delivery => (delivery, delivery.LeaseLeft))), ApiJson.Options);
            httpContext.RequestAborted.ThrowIfCancellationRequested();
            httpContext.Response.ContentType = "application/json; charset=utf-8";
            httpContext.Response.ContentLength = body.Length;
            await httpContext.Response.Body.WriteAsync(body, httpContext.RequestAborted).ConfigureAwait(false);
        }
        catch when (!httpContext.Response.HasStarted)
        {
            if (tryTakeBack()) await Task.WhenAll(deliveries.Select(delivery => delivery.HandBackAsync())).ConfigureAwait(false);
            if (!httpContext.RequestAborted.IsCancellationRequested) throw;
        }
    }
}
