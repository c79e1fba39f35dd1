using System.Globalization;
using System.Text.Json;
using Latchwork.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Latchwork.Api.Endpoints;

internal sealed record ScheduleBody
{
    public string? Namespace { get; init; }

    public string? Id { get; init; }

    public string? Cron { get; init; }

    public string? Zone { get; init; }

    public string? Every { get; init; }

    public string? Anchor { get; init; }

    public JsonElement Data { get; init; }

    public string? DataBase64 { get; init; }

    public long? Revision { get; init; }

    public string? Misfire { get; init; }

    public string? MisfireThreshold { get; init; }

    public string? CatchUpWindow { get; init; }

    public int? CatchUpLimit { get; init; }

    public string? Overlap { get; init; }

    public int? MaxRetries { get; init; }

    public string? Jitter { get; init; }

    public Dictionary<string, string>? Headers { get; init; }
}

internal sealed record ScheduleIdBody(string? Namespace, string? Id);

internal sealed record SchedulePutAnswer(string Id, string Outcome, DateTimeOffset? Next);

internal sealed record TriggerAnswer(string Id, string Outcome, string? OccurrenceId);

internal sealed record NextAnswer(IReadOnlyList<DateTimeOffset> Times);

internal sealed record OccurrenceAnswer(string Id, DateTimeOffset ScheduledFor, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, string Outcome, string? NodeId);

internal sealed record SchedulesAnswer(IReadOnlyList<ScheduleAnswer> Items, string? Cursor);

internal sealed record SchedulePolicies(
    long Revision, string Misfire, long MisfireThresholdMs, long CatchUpWindowMs, int CatchUpLimit, string Overlap, int? MaxRetries, long JitterMs)
{
    public static SchedulePolicies? Of(ScheduleOptions? options) => options is null ? null : new(
        options.Revision,
        Words.Of(options.Misfire),
        Read.Milliseconds(options.MisfireThreshold),
        Read.Milliseconds(options.CatchUpWindow),
        options.CatchUpLimit,
        Words.Of(options.Overlap),
        options.MaxRetries,
        Read.Milliseconds(options.Jitter));
}

internal sealed record ScheduleAnswer(
    string Id,
    string? Schedule,
    string? Damage,
    bool IsPaused,
    bool IsDeclared,
    DateTimeOffset? Next,
    string? NextState,
    string? QueuedId,
    SchedulePolicies? Policies,
    long Started,
    long Missed,
    long Skipped,
    long Replaced,
    JsonElement? Data,
    string? DataBase64,
    bool? PayloadIsHidden,
    IReadOnlyDictionary<string, string>? Headers,
    IReadOnlyList<OccurrenceAnswer> History);

/// <summary>Recurring schedules.</summary>
internal static class ScheduleEndpoints
{
    private static readonly ApiAccess _reads = new(Changes: false);

    public static void Map(RouteGroupBuilder group, HttpApi api)
    {
        group.MapChange<ScheduleBody, SchedulePutAnswer>(api, "/schedules/put", "Declares a schedule: creates it, or changes it.", (body, context) => PutAsync(api, body, context));
        group.MapChange<ScheduleIdBody, OutcomeAnswer>(api, "/schedules/remove", "Removes a schedule.", (body, context) =>
            ChangeAsync(api, body, (timer, id) => timer.Schedules.RemoveAsync(id, context.RequestAborted)));
        group.MapChange<ScheduleIdBody, OutcomeAnswer>(api, "/schedules/pause", "Pauses a schedule.", (body, context) =>
            ChangeAsync(api, body, (timer, id) => timer.Schedules.PauseAsync(id, context.RequestAborted)));
        group.MapChange<ScheduleIdBody, OutcomeAnswer>(api, "/schedules/resume", "Resumes a schedule.", (body, context) =>
            ChangeAsync(api, body, (timer, id) => timer.Schedules.ResumeAsync(id, context.RequestAborted)));
        group.MapChange<ScheduleIdBody, TriggerAnswer>(api, "/schedules/trigger", "Posts an occurrence now.", async (body, context) =>
        {
            string id = Read.Id(body.Id, "id");
            TriggerResult result = await api.Timers.UseAsync(Read.Id(body.Namespace, "namespace"), timer => timer.Schedules.TriggerAsync(id, context.RequestAborted)).ConfigureAwait(false);
            return result.Outcome == TriggerOutcome.NotFound ? ApiProblems.NotFound("schedule") : ApiJson.Ok(new TriggerAnswer(id, Words.Of(result.Outcome), result.OccurrenceId));
        });
        group.MapGet("/schedules", ([FromQuery(Name = "namespace")] string? ns, string? limit, string? cursor, HttpContext context) => ListAsync(api, ns, limit, cursor, context))
            .Describe<SchedulesAnswer>("Lists schedules by id, in pages. Of a namespace with several partitions one follows the other.", _reads);
        group.MapGet("/schedules/schedule", async ([FromQuery(Name = "namespace")] string? ns, string? id, HttpContext context) =>
        {
            string name = Read.Id(id, "id");
            ScheduleSnapshot? found = await api.Timers.UseAsync(Read.Id(ns, "namespace"), timer => timer.Schedules.GetAsync(name, context.RequestAborted)).ConfigureAwait(false);
            return found is null ? ApiProblems.NotFound("schedule") : ApiJson.Ok(Show(found, await api.Policies.MaySeePayloadsAsync(context).ConfigureAwait(false)));
        }).Describe<ScheduleAnswer>("Looks at a schedule.", _reads).ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet("/schedules/next", async ([FromQuery(Name = "namespace")] string? ns, string? id, string? count, HttpContext context) =>
        {
            string name = Read.Id(id, "id");
            int most = Read.Number(count, "count", 1, 100) ?? 5;
            IReadOnlyList<DateTimeOffset>? times = await api.Timers.UseAsync(
                Read.Id(ns, "namespace"), timer => timer.Schedules.GetNextOccurrencesAsync(name, most, context.RequestAborted)).ConfigureAwait(false);
            return times is null ? ApiProblems.NotFound("schedule") : ApiJson.Ok(new NextAnswer(times));
        }).Describe<NextAnswer>("The next times of a schedule.", _reads).ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<IResult> ChangeAsync(HttpApi api, ScheduleIdBody body, Func<DistributedTimer, string, Task<bool>> change)
    {
        string id = Read.Id(body.Id, "id");
        bool isThere = await api.Timers.UseAsync(Read.Id(body.Namespace, "namespace"), timer => change(timer, id)).ConfigureAwait(false);
        return isThere ? ApiJson.Ok(new OutcomeAnswer(id, "done")) : ApiProblems.NotFound("schedule");
    }

    private static async Task<IResult> PutAsync(HttpApi api, ScheduleBody body, HttpContext context)
    {
        string id = Read.Id(body.Id, "id");
        if (body.Cron is null == body.Every is null) throw Read.Bad("One of 'cron' and 'every' is needed.", "cron");
        if (body.Cron is null && body.Zone is not null) throw Read.Bad("'zone' goes with 'cron'.", "zone");
        if (body.Every is null && body.Anchor is not null) throw Read.Bad("'anchor' goes with 'every'.", "anchor");
        Schedule schedule = body.Cron is { } cron
            ? Schedule.Cron(cron, body.Zone ?? "UTC")
            : Schedule.Every(Read.Duration(body.Every, "every", Schedule.MinInterval, Limits.MaxDelay)!.Value, body.Anchor is null ? null : Moment(body.Anchor, "anchor"));
        ScheduleOptions defaults = new();
        ScheduleOptions options = new()
        {
            Revision = body.Revision ?? defaults.Revision,
            Misfire = Words.Parse<MisfirePolicy>(body.Misfire, "misfire") ?? defaults.Misfire,
            MisfireThreshold = Read.Duration(body.MisfireThreshold, "misfireThreshold", TimeSpan.Zero, Limits.MaxDelay) ?? defaults.MisfireThreshold,
            CatchUpWindow = Read.Duration(body.CatchUpWindow, "catchUpWindow", TimeSpan.Zero, Limits.MaxDelay) ?? defaults.CatchUpWindow,
            CatchUpLimit = body.CatchUpLimit ?? defaults.CatchUpLimit,
            Overlap = Words.Parse<OverlapPolicy>(body.Overlap, "overlap") ?? defaults.Overlap,
            MaxRetries = body.MaxRetries,
            Jitter = Read.Duration(body.Jitter, "jitter", TimeSpan.Zero, TimeSpan.FromDays(1)) ?? defaults.Jitter,
            Headers = body.Headers,
        };
        ReadOnlyMemory<byte> payload = ApiJson.Bytes(body.Data, body.DataBase64);
        ScheduleResult result = await api.Timers.UseAsync(
            Read.Id(body.Namespace, "namespace"), timer => timer.Schedules.AddOrUpdateAsync(id, schedule, payload, options, context.RequestAborted)).ConfigureAwait(false);
        return result.Outcome == ScheduleOutcome.Outdated
            ? ApiProblems.Of("outdated", "The stored declaration has a higher revision; nothing was changed.")
            : ApiJson.Ok(new SchedulePutAnswer(id, Words.Of(result.Outcome), result.Next));
    }

    private static async Task<IResult> ListAsync(HttpApi api, string? ns, string? limit, string? cursor, HttpContext context)
    {
        string name = Read.Id(ns, "namespace");
        int most = Read.Number(limit, "limit", 1, Limits.MaxBatch) ?? 50;
        int partitions = await api.Store.Timers.FindAsync(name, context.RequestAborted).ConfigureAwait(false) ?? 0;
        if (partitions == 0 || api.Store.Timers.Schedules is not { } schedules) return ApiJson.Ok(new SchedulesAnswer([], null));
        (int partition, string? place) = Read.Cursor(cursor, partitions);
        SchedulePage page = await schedules.ListAsync(new TimerPartition(name, partition), place, most, context.RequestAborted).ConfigureAwait(false);
        bool isOpen = await api.Policies.MaySeePayloadsAsync(context).ConfigureAwait(false);
        return ApiJson.Ok(new SchedulesAnswer([.. page.Records.Select(record => Show(ScheduleView.Of(record), isOpen))], Read.Cursor(partition, page.Cursor, partitions)));
    }

    private static ScheduleAnswer Show(ScheduleSnapshot found, bool isOpen)
    {
        (JsonElement? data, string? base64) = isOpen ? ApiJson.Show(found.Payload) : (null, null);
        return new ScheduleAnswer(
            found.Id,
            found.Schedule?.ToString(),
            found.Damage,
            found.IsPaused,
            found.IsDeclared,
            found.Next,
            found.NextState is { } state ? Words.Of(state) : null,
            found.QueuedId,
            SchedulePolicies.Of(found.Options),
            found.Started,
            found.Missed,
            found.Skipped,
            found.Replaced,
            data,
            base64,
            isOpen ? null : true,
            isOpen ? found.Options?.Headers : null,
            [.. found.History.Select(one => new OccurrenceAnswer(one.Id, one.ScheduledFor, one.StartedAt, one.EndedAt, Words.Of(one.Outcome), one.NodeId))]);
    }

    private static DateTimeOffset Moment(string value, string argument) => DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
        ? time
        : throw Read.Bad($"'{argument}' must be a time of ISO 8601, 2026-12-24T18:00:00Z; it is '{value}'.", argument);
}
