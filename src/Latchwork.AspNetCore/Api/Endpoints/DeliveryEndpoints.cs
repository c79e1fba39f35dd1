using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Latchwork.Api.Endpoints;

/// <summary>A claim. Each field may be a query parameter instead.</summary>
internal sealed record ClaimBody(string? Namespace = null, int? Max = null, string? Wait = null, string? Lease = null, string? Token = null);

internal sealed record ClaimAnswer(IReadOnlyList<DeliveryAnswer> Deliveries);

internal sealed record DeliveryAnswer(
    string Id,
    string Token,
    JsonElement? Data,
    string? DataBase64,
    IReadOnlyDictionary<string, string>? Headers,
    int Retries,
    int MaxRetries,
    DateTimeOffset Due,
    long LatenessMs,
    long LeaseLeftMs);

internal sealed record DeliveryBody(string? Namespace, string? Id, string? Token);

internal sealed record ExtendBody(string? Namespace, string? Id, string? Token, string? Lease);

internal sealed record FailBody(string? Namespace, string? Id, string? Token, string? Error, string? Delay, bool Final = false);

/// <summary>Listening from any language: claim, and end each delivery by its token.</summary>
internal static class DeliveryEndpoints
{
    public static void Map(RouteGroupBuilder group, HttpApi api)
    {
        group.MapPost("/timers/claim", (Delegate)((HttpContext context) => ClaimAsync(api, context)))
            .Describe<ClaimAnswer>(
                "Waits until events are due, and takes them. The fields namespace, max (1 to 200; default 10), wait (0s to 60s; default 30s), lease (1s to 1d; default 30s) and token stand in the query or the body.",
                new ApiAccess(Changes: true, NeedsPayloads: true));
        group.MapChange<DeliveryBody, OutcomeAnswer>(api, "/timers/confirm", "Confirms a delivery: the event is gone.", (body, context) =>
            EndAsync(api, body.Namespace, body.Id, body.Token, (timer, id, token) => timer.ConfirmAsync(id, token, context.RequestAborted)));
        group.MapChange<FailBody, OutcomeAnswer>(api, "/timers/fail", "Fails a delivery: the event comes again, or is dead-lettered.", (body, context) =>
        {
            TimeSpan? delay = Read.Duration(body.Delay, "delay", TimeSpan.Zero, Limits.MaxDelay);
            if (body.Final && delay is not null) throw Read.Bad("'delay' and 'final' exclude each other.", "delay");
            return EndAsync(api, body.Namespace, body.Id, body.Token, (timer, id, token) => body.Final
                ? timer.DeadLetterAsync(id, token, body.Error ?? "It was failed for good.", context.RequestAborted)
                : timer.RetryAsync(id, token, delay, body.Error, context.RequestAborted));
        });
        group.MapChange<ExtendBody, OutcomeAnswer>(api, "/timers/extend", "Makes the lease of a delivery last at least as long from now on.", (body, context) =>
        {
            TimeSpan lease = Read.Duration(body.Lease, "lease", TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)) ?? TimeSpan.FromSeconds(30);
            return EndAsync(api, body.Namespace, body.Id, body.Token, (timer, id, token) => timer.ExtendAsync(id, token, lease, context.RequestAborted));
        });
        group.MapChange<DeliveryBody, OutcomeAnswer>(api, "/timers/release", "Hands a delivery back: it is due again, and no retry is spent.", (body, context) =>
            EndAsync(api, body.Namespace, body.Id, body.Token, (timer, id, token) => timer.ReleaseAsync(id, token, context.RequestAborted)));
    }

    private static async Task<IResult> EndAsync(HttpApi api, string? ns, string? id, string? token, Func<DistributedTimer, string, string, Task<TimerOutcome>> end)
    {
        string name = Read.Id(id, "id");
        string key = Read.Id(token, "token");
        TimerOutcome outcome = await api.Timers.UseAsync(Read.Id(ns, "namespace"), timer => end(timer, name, key)).ConfigureAwait(false);
        // Of an attempt that failed this is no refusal, but what became of the event.
        return outcome == TimerOutcome.DeadLettered ? ApiJson.Ok(new OutcomeAnswer(name, "deadLettered")) : TimerEndpoints.Answer(name, outcome);
    }

    private static async Task<IResult> ClaimAsync(HttpApi api, HttpContext context)
    {
        ClaimBody body = context.Request.ContentLength == 0 ? new ClaimBody() : await ApiJson.ReadAsync<ClaimBody>(context, api.MaxPayloadBytes).ConfigureAwait(false);
        IQueryCollection query = context.Request.Query;
        string ns = Read.Id(query["namespace"].FirstOrDefault() ?? body.Namespace, "namespace");
        int max = Read.Number(query["max"].FirstOrDefault(), "max", 1, Limits.MaxBatch) ?? body.Max ?? 10;
        Limits.CheckRange(max, 1, Limits.MaxBatch);
        TimeSpan wait = Read.Duration(query["wait"].FirstOrDefault() ?? body.Wait, "wait", TimeSpan.Zero, TimeSpan.FromSeconds(60)) ?? TimeSpan.FromSeconds(30);
        TimeSpan lease = Read.Duration(query["lease"].FirstOrDefault() ?? body.Lease, "lease", TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)) ?? TimeSpan.FromSeconds(30);
        string? token = query["token"].FirstOrDefault() ?? body.Token;
        if (token is not null) Limits.CheckId(token, "token");
        return await api.Timers.UseAsync(ns, async timer =>
        {
            if (token is not null && await AgainAsync(api, ns, token, lease, context).ConfigureAwait(false) is { } again) return again;
            using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, api.Stopping);
            IReadOnlyList<TimerDelivery> deliveries = [];
            try
            {
                deliveries = await timer.ReceiveAsync(max, wait, lease, end.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
            {
                return ApiJson.Ok(new ClaimAnswer([])); // the application stops: the client asks the next one
            }

            if (token is not null && deliveries.Count > 0) api.Claims.Add(ns, token, deliveries);
            return new ClaimResult(deliveries, () =>
            {
                if (token is not null) api.Claims.Remove(ns, token);
            });
        }).ConfigureAwait(false);
    }

    /// <summary>What is still held of what was given under a token before, its leases extended.</summary>
    private static async Task<IResult?> AgainAsync(HttpApi api, string ns, string token, TimeSpan lease, HttpContext context)
    {
        IReadOnlyList<TimerDelivery> given = api.Claims.Find(ns, token);
        if (given.Count == 0) return null;
        TimerOutcome[] outcomes = await Task.WhenAll(given.Select(delivery => delivery.ExtendAsync(lease, context.RequestAborted))).ConfigureAwait(false);
        TimerDelivery[] held = [.. given.Where((_, i) => outcomes[i] is TimerOutcome.Done or TimerOutcome.InFlight)];
        return held.Length == 0 ? null : ApiJson.Ok(ClaimResult.Show(held)); // nothing is handed back: the answer before may have arrived
    }
}
