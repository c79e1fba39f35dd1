using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Latchwork.Api.Endpoints;

/// <summary>Which dead letters are meant: one or some by id, or all of a filter.</summary>
internal sealed record DeadLetterBody(string? Namespace, string? Id, IReadOnlyList<string>? Ids, bool All = false, string? Reason = null, string? OlderThan = null, string? Delay = null);

internal sealed record DeadLetterAnswer(long Changed, IReadOnlyList<OutcomeAnswer>? Items);

/// <summary>Dead letters: list, requeue, purge.</summary>
internal static class DeadLetterEndpoints
{
    public static void Map(RouteGroupBuilder group, HttpApi api)
    {
        group.MapGet("/timers/dead-letters", ([FromQuery(Name = "namespace")] string? ns, string? reason, string? limit, string? cursor, HttpContext context) =>
        {
            DeadLetterReason? wanted = Words.Parse<DeadLetterReason>(reason, "reason");
            return TimerEndpoints.PageAsync(
                api,
                ns,
                limit,
                cursor,
                context,
                (partition, place, most) => api.Store.Timers.DeadLettersAsync(partition, place, most, context.RequestAborted),
                item => wanted is null || item.DeadLetterReason == wanted);
        }).Describe<EventsAnswer>("Lists dead letters, the oldest first, in pages; with 'reason' a page may have fewer than 'limit', or none, and yet a cursor.", new ApiAccess(Changes: false));
        group.MapChange<DeadLetterBody, DeadLetterAnswer>(api, "/timers/dead-letters/requeue", "Schedules dead letters again.", (body, context) =>
        {
            Due? due = Read.Due(body.Delay, due: null);
            return ChangeAsync(
                api,
                body,
                (timer, id) => timer.DeadLetters.RequeueAsync(id, due, context.RequestAborted),
                (timer, reason, age, onDone) => timer.DeadLetters.RequeueAllAsync(reason, age, due, onDone, context.RequestAborted));
        });
        group.MapChange<DeadLetterBody, DeadLetterAnswer>(api, "/timers/dead-letters/purge", "Deletes dead letters for good.", (body, context) => body.Delay is not null
            ? throw Read.Bad("'delay' goes with requeue.", "delay")
            : ChangeAsync(
                api,
                body,
                (timer, id) => timer.DeadLetters.PurgeAsync(id, context.RequestAborted),
                (timer, reason, age, onDone) => timer.DeadLetters.PurgeAllAsync(reason, age, onDone, context.RequestAborted)));
    }

    private static Task<IResult> ChangeAsync(
        HttpApi api,
        DeadLetterBody body,
        Func<DistributedTimer, string, Task<TimerOutcome>> one,
        Func<DistributedTimer, DeadLetterReason?, TimeSpan?, Action<int>, Task<long>> all)
    {
        DeadLetterReason? reason = Words.Parse<DeadLetterReason>(body.Reason, "reason");
        TimeSpan? age = Read.Duration(body.OlderThan, "olderThan", TimeSpan.Zero, Limits.MaxDelay);
        if ((body.Id is null ? 0 : 1) + (body.Ids is null ? 0 : 1) + (body.All ? 1 : 0) != 1) throw Read.Bad("One of 'id', 'ids' and 'all' is needed.", "id");
        if (!body.All && (reason is not null || age is not null)) throw Read.Bad("'reason' and 'olderThan' go with 'all'.", "reason");
        if (body.Ids is { } many) Limits.CheckRange(many.Count, 1, Limits.MaxBatch, "ids");
        foreach (string id in body.Ids ?? []) Limits.CheckId(id, "ids");
        if (body.Id is { } single) Limits.CheckId(single, "id");
        return api.Timers.UseAsync(Read.Id(body.Namespace, "namespace"), async timer =>
        {
            if (body.All) return ApiJson.Ok(new DeadLetterAnswer(await PartlyDoneException.AllAsync(onDone => all(timer, reason, age, onDone)).ConfigureAwait(false), null));
            if (body.Id is { } id) return await one(timer, id).ConfigureAwait(false) == TimerOutcome.Done ? ApiJson.Ok(new DeadLetterAnswer(1, null)) : ApiProblems.NotFound("dead letter");

            IReadOnlyList<TimerOutcome> outcomes = await PartlyDoneException.EachAsync(body.Ids!, each => one(timer, each)).ConfigureAwait(false);
            return ApiJson.Ok(new DeadLetterAnswer(
                outcomes.Count(static outcome => outcome == TimerOutcome.Done), [.. outcomes.Select((outcome, i) => new OutcomeAnswer(body.Ids![i], Words.Of(outcome)))]));
        });
    }
}
