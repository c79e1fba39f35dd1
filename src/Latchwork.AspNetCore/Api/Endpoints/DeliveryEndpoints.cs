using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Latchwork.Api.Endpoints;

/// <summary>A claim. Each field may be a query parameter instead.</summary>
internal sealed record ClaimBody(string? Namespace = null, int? Max = null, string? Wait = null, string? Lease = null, string? Token = null);

/// <summary>What a claim is answered with. Repeated with <paramref name="Token"/> it gives the same deliveries.</summary>
internal sealed record ClaimAnswer(string Token, IReadOnlyList<DeliveryAnswer> Deliveries);

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
                "Waits until events are due, and takes them. The fields namespace, max (1 to 200; default 10), wait (0s to 60s; default 30s), lease (1s to 1d; default 30s) and token (32 to 128 letters, digits, '-' or '_') stand in the query or the body.",
                new ApiAccess(Changes: true, NeedsPayloads: true))
            .ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status429TooManyRequests);
        group.MapChange<DeliveryBody, OutcomeAnswer>(api, "/timers/confirm", "Confirms a delivery: the event is gone.", (body, context) =>
            OnDeliveryAsync(api, body.Namespace, body.Id, body.Token, (timer, id, token) => timer.ConfirmAsync(id, token, context.RequestAborted)));
        group.MapChange<FailBody, OutcomeAnswer>(api, "/timers/fail", "Fails a delivery: the event comes again, or is dead-lettered.", (body, context) =>
        {
            TimeSpan? delay = Read.Duration(body.Delay, "delay", TimeSpan.Zero, Limits.MaxDelay);
            if (body.Final && delay is not null) throw Read.Bad("'delay' and 'final' exclude each other.", "delay");
            return OnDeliveryAsync(api, body.Namespace, body.Id, body.Token, (timer, id, token) => body.Final
                ? timer.DeadLetterAsync(id, token, body.Error ?? "It was failed for good.", context.RequestAborted)
                : timer.RetryAsync(id, token, delay, body.Error, context.RequestAborted));
        });
        group.MapChange<ExtendBody, OutcomeAnswer>(api, "/timers/extend", "Makes the lease of a delivery last at least as long from now on.", (body, context) =>
        {
            TimeSpan lease = Read.Duration(body.Lease, "lease", TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)) ?? TimeSpan.FromSeconds(30);
            return OnDeliveryAsync(api, body.Namespace, body.Id, body.Token, (timer, id, token) => timer.ExtendAsync(id, token, lease, context.RequestAborted), lease);
        });
        group.MapChange<DeliveryBody, OutcomeAnswer>(api, "/timers/release", "Hands a delivery back: it is due again, and no retry is spent.", (body, context) =>
            OnDeliveryAsync(api, body.Namespace, body.Id, body.Token, (timer, id, token) => timer.ReleaseAsync(id, token, context.RequestAborted)));
    }

    // extendedTo is the lease, if it is extended; null if the delivery is ended.
    private static async Task<IResult> OnDeliveryAsync(
        HttpApi api, string? ns, string? id, string? token, Func<DistributedTimer, string, string, Task<TimerOutcome>> call, TimeSpan? extendedTo = null)
    {
        string space = Read.Id(ns, "namespace");
        string name = Read.Id(id, "id");
        string key = Read.Id(token, "token");
        TimerOutcome outcome = await api.Timers.UseAsync(space, timer => call(timer, name, key)).ConfigureAwait(false);
        // InFlight: a transaction of the application decides what becomes of it.
        if (extendedTo is { } lease && outcome == TimerOutcome.Done) api.Answers.OnExtended(space, name, key, lease);
        else if (outcome != TimerOutcome.InFlight) api.Answers.OnEnded(space, name, key);
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
        ClaimKey key = ClaimKey.Of(ns, context, query["token"].FirstOrDefault() ?? body.Token);
        using ClaimTurns.Turn turn = api.Claims.Enter(key);
        await turn.Before.WaitAsync(context.RequestAborted).ConfigureAwait(false);
        if (turn.Superseded.IsCancellationRequested) return Superseded();
        return await api.Timers.UseAsync(ns, async timer =>
        {
            if (await AgainAsync(api, timer, key, lease, context).ConfigureAwait(false) is { } again) return again;
            // Whoever stops waiting because another takes the turn, or the application stops, keeps what it has been given.
            using var end = CancellationTokenSource.CreateLinkedTokenSource(turn.Superseded, api.Stopping);
            IReadOnlyList<TimerDelivery> deliveries = await timer.ReceiveUntilAsync(max, wait, lease, end.Token, context.RequestAborted).ConfigureAwait(false);
            // From now on they are the client's, who may end them at any server: nothing here waits for that.
            ClaimAnswers.GivenClaim given = api.Answers.Add(key, deliveries);
            foreach (TimerDelivery delivery in deliveries) delivery.StopHolding();
            return turn.Superseded.IsCancellationRequested ? Superseded() : new ClaimResult(key.Token, deliveries, () => api.Answers.TryTakeBack(given));
        }).ConfigureAwait(false);
    }

    private static IResult Superseded() => ApiProblems.Of("superseded", "The claim was repeated with its token, and the repetition gets the deliveries.");

    /// <summary>What is still held of what was given under a token before, its leases extended.</summary>
    private static async Task<IResult?> AgainAsync(HttpApi api, DistributedTimer timer, ClaimKey key, TimeSpan lease, HttpContext context)
    {
        IReadOnlyList<TimerDelivery> given = api.Answers.Again(key);
        if (given.Count == 0) return null;
        long start = api.Time.GetTimestamp();
        TimerOutcome[] outcomes = await Task.WhenAll(given.Select(ExtendAsync)).ConfigureAwait(false);
        List<(TimerDelivery Delivery, TimeSpan LeaseLeft)> held = [];
        for (int i = 0; i < given.Count; i++)
        {
            TimerDelivery delivery = given[i];
            if (outcomes[i] == TimerOutcome.Done) held.Add((delivery, lease - api.Time.GetElapsedTime(start)));
            else if (outcomes[i] == TimerOutcome.InFlight) held.Add((delivery, delivery.LeaseLeft));
        }

        return held.Count == 0 ? null : ApiJson.Ok(ClaimResult.Show(key.Token, held)); // nothing is handed back: the answer before may have arrived

        // Each outcome is noted for itself: if another fails, the next repetition begins with what became of this one.
        async Task<TimerOutcome> ExtendAsync(TimerDelivery delivery)
        {
            TimerOutcome outcome = await timer.ExtendAsync(delivery.Id, delivery.Token, lease, context.RequestAborted).ConfigureAwait(false);
            if (outcome == TimerOutcome.Done) api.Answers.OnExtended(key.Namespace, delivery.Id, delivery.Token, lease);
            else if (outcome != TimerOutcome.InFlight) api.Answers.OnEnded(key.Namespace, delivery.Id, delivery.Token);
            return outcome;
        }
    }
}
