using Latchwork.Security;
using Latchwork.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Latchwork.Api.Endpoints;

/// <summary>Events and namespaces: post, look, cancel, change, pause.</summary>
internal static class TimerEndpoints
{
    private static readonly ApiAccess _reads = new(Changes: false);

    public static void Map(RouteGroupBuilder group, HttpApi api)
    {
        group.MapChange<PostBody, PostAnswer>(api, "/timers/post", "Posts an event.", (body, context) => PostAsync(api, body, context)).Produces<PostAnswer>(StatusCodes.Status201Created);
        group.MapChange<PostManyBody, PostManyAnswer>(api, "/timers/post-many", "Posts up to 200 events.", (body, context) => PostManyAsync(api, body, context));
        group.MapChange<CancelBody, OutcomeAnswer>(api, "/timers/cancel", "Cancels an event, or purges a dead letter.", async (body, context) =>
        {
            string id = Read.Id(body.Id, "id");
            return Answer(id, await api.Timers.UseAsync(Read.Id(body.Namespace, "namespace"), timer => timer.CancelAsync(id, body.Revoke, context.RequestAborted)).ConfigureAwait(false));
        });
        group.MapChange<ChangeDelayBody, OutcomeAnswer>(api, "/timers/change-delay", "Gives a scheduled event another due time.", async (body, context) =>
        {
            string id = Read.Id(body.Id, "id");
            Due due = Read.Due(body.Delay, body.Due) ?? throw Read.Bad("'delay' or 'due' is needed.", "delay");
            return Answer(id, await api.Timers.UseAsync(Read.Id(body.Namespace, "namespace"), timer => timer.ChangeDelayAsync(id, due, context.RequestAborted)).ConfigureAwait(false));
        });
        group.MapChange<PauseBody, PauseAnswer>(api, "/timers/pause", "Pauses a namespace: nothing is delivered until it is resumed.", async (body, context) =>
        {
            TimerPause pause = await api.Timers.UseAsync(
                Read.Id(body.Namespace, "namespace"), timer => timer.PauseAsync(body.Reason ?? "", body.By ?? UserOf(context), context.RequestAborted)).ConfigureAwait(false);
            return ApiJson.Ok(PauseAnswer.Of(pause));
        });
        group.MapChange<NamespaceBody, ResumeAnswer>(api, "/timers/resume", "Resumes a namespace.", async (body, context) =>
        {
            TimerPause? ended = await api.Timers.UseAsync(Read.Id(body.Namespace, "namespace"), timer => timer.ResumeAsync(context.RequestAborted)).ConfigureAwait(false);
            return ApiJson.Ok(new ResumeAnswer(PauseAnswer.Of(ended)));
        });

        group.MapGet("/timers/event", ([FromQuery(Name = "namespace")] string? ns, string? id, HttpContext context) => PeekAsync(api, ns, id, context))
            .Describe<EventAnswer>("Looks at an event in any state.", _reads).ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet(
            "/timers/upcoming",
            ([FromQuery(Name = "namespace")] string? ns, string? offset, string? duration, string? limit, string? cursor, HttpContext context) =>
            {
                TimeSpan? from = Read.Duration(offset, "offset", TimeSpan.Zero, Limits.MaxDelay);
                TimeSpan? length = Read.Duration(duration, "duration", TimeSpan.Zero, Limits.MaxDelay);
                return PageAsync(
                    api, ns, limit, cursor, context, (partition, place, most) => api.Store.Timers.UpcomingAsync(partition, from, length, place, most, context.RequestAborted), static _ => true);
            }).Describe<EventsAnswer>("Lists scheduled events by due time, in pages. Of a namespace with several partitions one follows the other.", _reads);
        group.MapGet(
            "/timers/in-flight",
            ([FromQuery(Name = "namespace")] string? ns, string? limit, string? cursor, HttpContext context) => PageAsync(
                api, ns, limit, cursor, context, (partition, place, most) => api.Store.Timers.InFlightAsync(partition, place, most, context.RequestAborted), static _ => true))
            .Describe<EventsAnswer>("Lists what is in flight, in pages, as its leases end: an event whose lease is extended meanwhile may come twice.", _reads);
        group.MapGet(
            "/timers/completed",
            ([FromQuery(Name = "namespace")] string? ns, string? limit, string? cursor, HttpContext context) => PageAsync(
                api, ns, limit, cursor, context, (partition, place, most) => api.Store.Timers.CompletedAsync(partition, place, most, context.RequestAborted), static _ => true))
            .Describe<EventsAnswer>("Lists completed events that are kept, the last first, in pages. Of a namespace with several partitions one follows the other.", _reads);
        group.MapGet("/timers/namespaces", (Delegate)(async (HttpContext context) =>
            ApiJson.Ok(new NamespacesAnswer(await api.Store.Timers.NamespacesAsync(context.RequestAborted).ConfigureAwait(false)))))
            .Describe<NamespacesAnswer>("Lists the namespaces.", _reads);
        group.MapGet("/timers/stats", async ([FromQuery(Name = "namespace")] string? ns, HttpContext context) =>
        {
            string name = Read.Id(ns, "namespace");
            TimerStats stats = await api.Timers.UseAsync(name, timer => timer.GetStatsAsync(context.RequestAborted)).ConfigureAwait(false);
            return ApiJson.Ok(new StatsAnswer(
                name, stats.Scheduled, stats.InFlight, stats.DeadLetters, stats.DeadLettersEvicted, stats.OldestOverdue is { } overdue ? Read.Milliseconds(overdue) : null, PauseAnswer.Of(stats.Pause),
                CountersAnswer.Of(stats.Counters)));
        }).Describe<StatsAnswer>("Counts the events of a namespace, and what has happened to them.", _reads);
        group.MapGet("/timers/nodes", async ([FromQuery(Name = "namespace")] string? ns, HttpContext context) =>
        {
            IReadOnlyList<TimerNode> nodes = await api.Timers.UseAsync(Read.Id(ns, "namespace"), timer => timer.GetNodesAsync(context.RequestAborted)).ConfigureAwait(false);
            return ApiJson.Ok(new NodesAnswer([.. nodes.Select(node => new NodeAnswer(node.NodeId, Words.Of(node.State), node.InFlight, Read.Milliseconds(node.LastSeen)))]));
        }).Describe<NodesAnswer>("Lists the nodes that listen to a namespace.", _reads);
    }

    /// <summary>The answer to a change of one event.</summary>
    public static IResult Answer(string id, TimerOutcome outcome) => outcome switch
    {
        TimerOutcome.Done => ApiJson.Ok(new OutcomeAnswer(id, "done")),
        TimerOutcome.NotFound => ApiProblems.NotFound("event"),
        TimerOutcome.InFlight => ApiProblems.Of("inFlight", "The event is in flight; nothing was changed."),
        TimerOutcome.DeadLettered => ApiProblems.Of("deadLettered", "The event is a dead letter; nothing was changed."),
        _ => ApiProblems.Of("stale", "The delivery is another's by now, or over; nothing was changed."),
    };

    /// <summary>A page of events: of one partition after the other.</summary>
    public static async Task<IResult> PageAsync(
        HttpApi api, string? ns, string? limit, string? cursor, HttpContext context, Func<TimerPartition, string?, int, Task<TimerPage>> read, Func<TimerSnapshot, bool> isMeant)
    {
        string name = Read.Id(ns, "namespace");
        int most = Read.Number(limit, "limit", 1, Limits.MaxBatch) ?? 50;
        int partitions = await api.Store.Timers.FindAsync(name, context.RequestAborted).ConfigureAwait(false) ?? 0;
        if (partitions == 0) return ApiJson.Ok(new EventsAnswer([], null));
        (int partition, string? place) = Read.Cursor(cursor, partitions);
        TimerPage page = await read(new TimerPartition(name, partition), place, most).ConfigureAwait(false);
        bool isOpen = await api.Policies.MaySeePayloadsAsync(context).ConfigureAwait(false);
        return ApiJson.Ok(new EventsAnswer(
            [.. page.Items.Where(isMeant).Select(item => EventAnswer.Of(item, isOpen, showsToken: false))], Read.Cursor(partition, page.Cursor, partitions)));
    }

    private static async Task<IResult> PeekAsync(HttpApi api, string? ns, string? id, HttpContext context)
    {
        string name = Read.Id(id, "id");
        TimerSnapshot? snapshot = await api.Timers.UseAsync(Read.Id(ns, "namespace"), timer => timer.PeekAsync(name, context.RequestAborted)).ConfigureAwait(false);
        if (snapshot is null) return ApiProblems.NotFound("event");
        bool isOpen = await api.Policies.MaySeePayloadsAsync(context).ConfigureAwait(false);
        return ApiJson.Ok(EventAnswer.Of(snapshot, isOpen, showsToken: await api.Policies.MayChangeAsync(context).ConfigureAwait(false)));
    }

    private static async Task<IResult> PostAsync(HttpApi api, PostBody body, HttpContext context)
    {
        TimerPost post = ToPost(body);
        PostResult result = await api.Timers.UseAsync(Read.Id(body.Namespace, "namespace"), timer => timer.PostAsync(post.Payload, post.Due, post.Options, context.RequestAborted)).ConfigureAwait(false);
        return result.Outcome switch
        {
            PostOutcome.Created => ApiJson.Ok(new PostAnswer(result.Id, "created"), StatusCodes.Status201Created),
            PostOutcome.Exists => ApiProblems.Of("exists", "There is such an event already; nothing was changed."),
            _ => ApiJson.Ok(new PostAnswer(result.Id, Words.Of(result.Outcome))),
        };
    }

    private static async Task<IResult> PostManyAsync(HttpApi api, PostManyBody body, HttpContext context)
    {
        IReadOnlyList<PostedEvent> events = body.Events ?? throw Read.Bad("'events' is needed.", "events");
        Limits.CheckRange(events.Count, 1, Limits.MaxBatch, "events");
        TimerPost[] posts = [.. events.Select(ToPost)];
        try
        {
            IReadOnlyList<PostResult> results = await api.Timers.UseAsync(Read.Id(body.Namespace, "namespace"), timer => timer.PostAsync(posts, context.RequestAborted)).ConfigureAwait(false);
            return ApiJson.Ok(new PostManyAnswer([.. results.Select(result => new PostAnswer(result.Id, Words.Of(result.Outcome)))]));
        }
        catch (TimerBatchException e) when (e.InnerException is OperationCanceledException && context.RequestAborted.IsCancellationRequested)
        {
            return Results.StatusCode(StatusCodes.Status499ClientClosedRequest); // nobody reads it, and the store has not failed
        }
        catch (TimerBatchException e) when (e.InnerException is LatchworkStoreException or ObjectDisposedException or OperationCanceledException)
        {
            // The same request again would post again what has been posted.
            ApiFilter.NoteStoreFailure(api, context, e, isWorthRepeating: e.InnerException is LatchworkStoreException { IsTransient: true } && e.Outcomes.All(static outcome => outcome == StoreOutcome.NotApplied));
            return ApiProblems.Of(e, events);
        }
    }

    private static TimerPost ToPost(PostedEvent posted) => new(
        ApiJson.Bytes(posted.Data, posted.DataBase64),
        Read.Due(posted.Delay, posted.Due) ?? TimeSpan.Zero,
        new PostOptions
        {
            Id = posted.Id,
            MaxRetries = posted.MaxRetries,
            IfExists = Words.Parse<IfExists>(posted.IfExists, "ifExists") ?? IfExists.Replace,
            Headers = posted.Headers,
        });

    private static string UserOf(HttpContext context) => RequestUser.NameOf(RequestUser.Of(context)) ?? "http";
}
