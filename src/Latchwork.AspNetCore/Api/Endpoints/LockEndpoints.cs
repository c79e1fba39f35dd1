using System.Text.Json;
using Latchwork.Locking;
using Latchwork.Storage;
using Latchwork.Threading;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Latchwork.Api.Endpoints;

internal sealed record LockBody(string? Namespace, string? Key, string? Wait, string? Lease, string? LockTimeout, string? Token, bool LockOnly = false);

internal sealed record LockTokenBody(string? Namespace, string? Key, string? Token, string? Lease = null);

internal sealed record PublishBody
{
    public string? Namespace { get; init; }

    public string? Key { get; init; }

    public string? Token { get; init; }

    public JsonElement Data { get; init; }

    public string? DataBase64 { get; init; }

    public string? ResultTimeout { get; init; }
}

internal sealed record LockFailBody(string? Namespace, string? Key, string? Token, string? Kind, string? Message, string? CacheFor);

internal sealed record LockKeyBody(string? Namespace, string? Key);

internal sealed record LockAnswer(
    string Status,
    long FencingToken,
    string? Token = null,
    long? LeaseMs = null,
    bool? TakenOver = null,
    JsonElement? Data = null,
    string? DataBase64 = null,
    bool? IsNull = null,
    string? Kind = null,
    string? Message = null);

internal sealed record KeyOutcomeAnswer(string Key, string Outcome);

internal sealed record KeyAnswer(string Key, bool IsLocked, long FencingToken, string? NodeId, long? AgeMs, long? LeaseLeftMs, long? FreshForMs, bool IsFailure)
{
    public static KeyAnswer Of(KeySnapshot key) => new(
        key.Key, key.IsLocked, key.FencingToken, key.NodeId, Ms(key.Age), Ms(key.LeaseLeft), Ms(key.FreshFor), key.IsFailure);

    private static long? Ms(TimeSpan? span) => span is { } given ? Read.Milliseconds(given) : null;
}

internal sealed record KeysAnswer(IReadOnlyList<KeyAnswer> Items, string? Cursor);

internal sealed record LockStatsAnswer(string Namespace, long Runs, long Takeovers, long Failures);

/// <summary>The process locker: request a key, publish or fail, renew and release by token; look, list, forget.</summary>
internal static class LockEndpoints
{
    private static readonly TimeSpan _minLease = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _maxLease = TimeSpan.FromDays(1);
    private static readonly TimeSpan _defaultLockTimeout = TimeSpan.FromMinutes(60);
    private static readonly TimeSpan _defaultResultTimeout = TimeSpan.FromMinutes(30);
    private static readonly ApiAccess _reads = new(Changes: false);

    public static void Map(RouteGroupBuilder group, HttpApi api)
    {
        group.MapChange<LockBody, LockAnswer>(
                api, "/locks/request", "Asks for a key: 201, it is the caller's to process; 200, it is done; 504, the wait is over.", (body, context) => RequestAsync(api, body, context), needsPayloads: true)
            .Produces<LockAnswer>(StatusCodes.Status201Created).ProducesProblem(StatusCodes.Status429TooManyRequests).ProducesProblem(StatusCodes.Status504GatewayTimeout);
        group.MapChange<PublishBody, KeyOutcomeAnswer>(api, "/locks/publish", "Publishes the result of a key, and frees it.", async (body, context) =>
        {
            ReadOnlyMemory<byte> data = ApiJson.Bytes(body.Data, body.DataBase64);
            Limits.CheckPayload(data.Length, api.MaxPayloadBytes, "data");
            bool isNull = body.Data.ValueKind == JsonValueKind.Undefined && body.DataBase64 is null;
            TimeSpan fresh = Read.Duration(body.ResultTimeout, "resultTimeout", TimeSpan.Zero, Limits.MaxDelay) ?? _defaultResultTimeout;
            return await PublishAsync(api, body.Namespace, body.Key, body.Token, isNull ? RunValue.Null : RunValue.Of(data), fresh, context).ConfigureAwait(false);
        });
        group.MapChange<LockFailBody, KeyOutcomeAnswer>(api, "/locks/fail", "Fails the work on a key, and frees it: whoever waits gets the failure.", (body, context) =>
        {
            TimeSpan fresh = Read.Duration(body.CacheFor, "cacheFor", TimeSpan.Zero, Limits.MaxDelay) ?? TimeSpan.Zero;
            return PublishAsync(api, body.Namespace, body.Key, body.Token, RunValue.Failure(Read.Id(body.Kind ?? "Failed", "kind"), body.Message ?? ""), fresh, context);
        });
        group.MapChange<LockTokenBody, KeyOutcomeAnswer>(api, "/locks/renew", "Renews the lease of a key: it lasts as long from now on.", async (body, context) =>
        {
            TimeSpan lease = Read.Duration(body.Lease, "lease", _minLease, _maxLease) ?? TimeSpan.FromSeconds(30);
            (LockerKey key, LockToken token) = Owner(body.Namespace, body.Key, body.Token);
            return Answer(key, await api.Store.Locks.RenewAsync(key, token.FencingToken, token.Nonce, lease, context.RequestAborted).OffStoreThread().ConfigureAwait(false));
        });
        group.MapChange<LockTokenBody, KeyOutcomeAnswer>(api, "/locks/release", "Frees a key without a result.", async (body, context) =>
        {
            if (body.Lease is not null) throw Read.Bad("'lease' goes with renew.", "lease");
            (LockerKey key, LockToken token) = Owner(body.Namespace, body.Key, body.Token);
            return Answer(key, await api.Store.Locks.ReleaseAsync(key, token.FencingToken, token.Nonce, context.RequestAborted).OffStoreThread().ConfigureAwait(false));
        });
        group.MapChange<LockKeyBody, KeyOutcomeAnswer>(api, "/locks/forget", "Forgets a key: its result is dropped, and work in progress is superseded.", async (body, context) =>
        {
            LockerKey key = KeyOf(body.Namespace, body.Key);
            bool wasThere = await api.Store.Locks.ForgetAsync(key, _defaultLockTimeout, context.RequestAborted).OffStoreThread().ConfigureAwait(false);
            return wasThere ? ApiJson.Ok(new KeyOutcomeAnswer(key.Key, "done")) : ApiProblems.NotFound("key");
        });
        group.MapGet("/locks/key", async ([FromQuery(Name = "namespace")] string? ns, string? key, HttpContext context) =>
        {
            KeySnapshot? found = await api.Store.Locks.PeekAsync(KeyOf(ns, key), context.RequestAborted).OffStoreThread().ConfigureAwait(false);
            return found is null ? ApiProblems.NotFound("key") : ApiJson.Ok(KeyAnswer.Of(found));
        }).Describe<KeyAnswer>("Looks at a key.", _reads).ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet("/locks/result", async ([FromQuery(Name = "namespace")] string? ns, string? key, HttpContext context) =>
        {
            LockerOutcome? found = await api.Store.Locks.TryGetAsync(KeyOf(ns, key), context.RequestAborted).OffStoreThread().ConfigureAwait(false);
            return found is null ? ApiProblems.NotFound("result") : ApiJson.Ok(Show(found));
        }).Describe<LockAnswer>("Reads the result of a key, if there is one that is fresh.", new ApiAccess(Changes: false, NeedsPayloads: true)).ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet("/locks/stats", async ([FromQuery(Name = "namespace")] string? ns, HttpContext context) =>
        {
            string name = Read.Id(ns ?? LockerOptions.DefaultNamespace, "namespace");
            LockerStats stats = await api.Store.Locks.GetStatsAsync(name, context.RequestAborted).OffStoreThread().ConfigureAwait(false);
            return ApiJson.Ok(new LockStatsAnswer(name, stats.Runs, stats.Takeovers, stats.Failures));
        }).Describe<LockStatsAnswer>("Counts what the lockers of a namespace have done; not what goes through this API.", _reads);
        group.MapGet("/locks", async ([FromQuery(Name = "namespace")] string? ns, string? limit, string? cursor, HttpContext context) =>
        {
            (_, string? place) = Read.Cursor(cursor, parts: 1);
            LockerPage page = await api.Store.Locks.ListAsync(
                Read.Id(ns ?? LockerOptions.DefaultNamespace, "namespace"), place, Read.Number(limit, "limit", 1, Limits.MaxBatch) ?? 50, context.RequestAborted).OffStoreThread().ConfigureAwait(false);
            return ApiJson.Ok(new KeysAnswer([.. page.Items.Select(KeyAnswer.Of)], Read.Cursor(0, page.Cursor, parts: 1)));
        }).Describe<KeysAnswer>("Lists the keys that are locked, in pages, in no particular order; a page may be empty and yet have a cursor.", _reads);
    }

    private static LockerKey KeyOf(string? ns, string? key) => new(Read.Id(ns ?? LockerOptions.DefaultNamespace, "namespace"), Read.Id(key, "key"));

    private static (LockerKey Key, LockToken Token) Owner(string? ns, string? key, string? token) => (KeyOf(ns, key), LockToken.Parse(token));

    private static IResult Answer(LockerKey key, bool isOwner) => isOwner
        ? ApiJson.Ok(new KeyOutcomeAnswer(key.Key, "done"))
        : ApiProblems.Of("superseded", "The key is another owner's by now, or nobody's; nothing was changed.");

    private static async Task<IResult> PublishAsync(HttpApi api, string? ns, string? name, string? ownerToken, RunValue value, TimeSpan fresh, HttpContext context)
    {
        (LockerKey key, LockToken token) = Owner(ns, name, ownerToken);
        var publication = new LockerPublication(token.FencingToken, token.Nonce, value.Kind, value.Data, fresh, 2 * LockWatch.FallbackPollInterval);
        return Answer(key, await api.Store.Locks.PublishAsync(key, publication, context.RequestAborted).OffStoreThread().ConfigureAwait(false) == PublishOutcome.Accepted);
    }

    private static async Task<IResult> RequestAsync(HttpApi api, LockBody body, HttpContext context)
    {
        LockerKey key = KeyOf(body.Namespace, body.Key);
        TimeSpan wait = Read.Duration(body.Wait, "wait", TimeSpan.Zero, TimeSpan.FromSeconds(60)) ?? TimeSpan.FromSeconds(30);
        TimeSpan lease = Read.Duration(body.Lease, "lease", _minLease, _maxLease) ?? TimeSpan.FromSeconds(30);
        TimeSpan ceiling = Read.Duration(body.LockTimeout, "lockTimeout", lease, Limits.MaxDelay) ?? (lease > _defaultLockTimeout ? lease : _defaultLockTimeout);
        string nonce = body.Token is null ? Nonces.Next() : LockToken.NonceOf(context, body.Token);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, api.Stopping);
        LockerReply reply = await api.LockWaits.RequestAsync(
            key, new LockerRequest(api.NodeId, nonce, lease, ceiling, WaitingFor: null, body.LockOnly), keepsGrant: body.Token is not null, wait, end.Token).ConfigureAwait(false);
        if (reply is LockGranted && body.Token is null && context.RequestAborted.IsCancellationRequested) api.LockWaits.GiveBack(key, nonce);
        context.RequestAborted.ThrowIfCancellationRequested();
        return reply switch
        {
            LockGranted granted => ApiJson.Ok(
                new LockAnswer("locked", granted.FencingToken, new LockToken(granted.FencingToken, nonce).ToString(), Read.Milliseconds(lease), granted.TakenOver), StatusCodes.Status201Created),
            LockerOutcome outcome => ApiJson.Ok(Show(outcome)),
            _ => Held(),
        };
    }

    private static IResult Held() => ApiProblems.Of(StatusCodes.Status504GatewayTimeout, "The wait is over", "The key is another owner's still.", ("result", "held"));

    private static LockAnswer Show(LockerOutcome outcome)
    {
        if (outcome.Kind == LockerOutcomeKind.Failure)
        {
            RunFailedException failure = RunValue.ReadFailure(outcome.Data.Span, original: null);
            return new LockAnswer("failed", outcome.FencingToken, Kind: failure.Kind, Message: failure.Message);
        }

        if (outcome.Kind == LockerOutcomeKind.Null) return new LockAnswer("done", outcome.FencingToken, IsNull: true);
        (JsonElement? data, string? base64) = ApiJson.Show(outcome.Data);
        return new LockAnswer("done", outcome.FencingToken, Data: data, DataBase64: base64);
    }
}
