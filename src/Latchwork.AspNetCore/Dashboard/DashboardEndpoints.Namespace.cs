using System.Globalization;
using Latchwork.Dashboard.Pages;
using Latchwork.Monitoring;
using Latchwork.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchwork.Dashboard;

/// <content>The pages about one namespace, and about locks.</content>
internal sealed partial class DashboardEndpoints
{
    private static readonly int[] _limits = [25, 100, 200];

    /// <summary>The most schedules that are listed.</summary>
    private const int MaxSchedules = 200;

    private async Task NamespaceAsync(HttpContext context)
    {
        string ns = CheckName(Text(context, "ns"), "ns");
        if (Text(context, "id") is { } id)
        {
            // The search field: the page of an event says so if there is none.
            CheckName(id, "id");
            context.Response.Redirect($"event?ns={Show.Encode(ns)}&id={Show.Encode(id)}");
            return;
        }

        CancellationToken stop = context.RequestAborted;
        NamespaceView view = await runtime.Monitor.GetNamespaceAsync(ns, stop).ConfigureAwait(false);
        int limit = LimitOf(context);
        DeadLetterReason? reason = ReasonOf(Text(context, "reason"));
        List<TimerSnapshot> upcoming = [], held = [], dead = [], completed = [];
        if (view is { Store.IsAnswering: true, Row.Stats: not null })
        {
            DistributedTimer timer = runtime.OpenTimer(ns);
            await using (timer.ConfigureAwait(false))
            {
                // One more than is shown tells whether there are more.
                upcoming = await TakeAsync(timer.UpcomingAsync(limit: limit + 1, cancellationToken: stop), limit + 1).ConfigureAwait(false);
                if (view.Row.Stats.InFlight > 0) held = await TakeAsync(timer.InFlightAsync(limit + 1, stop), limit + 1).ConfigureAwait(false);
                if (view.Row.Stats.DeadLetters > 0) dead = await TakeAsync(timer.DeadLetters.ListAsync(reason, cancellationToken: stop), limit + 1).ConfigureAwait(false);
                completed = await TakeAsync(timer.CompletedAsync(limit + 1, stop), limit + 1).ConfigureAwait(false);
            }
        }

        await PageAsync<NamespacePage>(context, new View(new NamespaceModel(view, upcoming, held, dead, completed, limit, reason))
        {
            Title = ns,
            Nav = "namespace",
            Namespace = ns,
            Live = LiveQuery("namespace", ns, null),
        }).ConfigureAwait(false);
    }

    private async Task EventAsync(HttpContext context)
    {
        string ns = CheckName(Text(context, "ns"), "ns"), id = CheckName(Text(context, "id"), "id");
        DistributedTimer timer = runtime.OpenTimer(ns);
        await using (timer.ConfigureAwait(false))
        {
            TimerSnapshot? found = await timer.PeekAsync(id, context.RequestAborted).ConfigureAwait(false);
            await PageAsync<EventPage>(context, new View(new EventModel(id, found)) { Title = "Event", Nav = "namespace", Namespace = ns }, found is null ? StatusCodes.Status404NotFound : StatusCodes.Status200OK).ConfigureAwait(false);
        }
    }

    private async Task PostFormAsync(HttpContext context)
    {
        string ns = CheckName(Text(context, "ns"), "ns");
        await PageAsync<PostPage>(context, new View(ns) { Title = "Post an event", Nav = "namespace", Namespace = ns }).ConfigureAwait(false);
    }

    private async Task SchedulesAsync(HttpContext context)
    {
        string ns = CheckName(Text(context, "ns"), "ns");
        string? id = Text(context, "id");
        if (id is not null) Limits.CheckText(id, 1, Limits.MaxIdBytes, "id");
        DistributedTimer timer = runtime.OpenTimer(ns);
        await using (timer.ConfigureAwait(false))
        {
            List<ScheduleSnapshot> found = [];
            if (id is null)
            {
                await foreach (ScheduleSnapshot schedule in timer.Schedules.ListAsync(context.RequestAborted).ConfigureAwait(false))
                {
                    found.Add(schedule with { Payload = default }); // the page shows none
                    if (found.Count > MaxSchedules) break;
                }
            }
            else if (await timer.Schedules.GetAsync(id, context.RequestAborted).ConfigureAwait(false) is { } one)
            {
                found.Add(one);
            }

            List<ScheduleModel> schedules = [];
            foreach (ScheduleSnapshot schedule in found.Take(MaxSchedules))
            {
                IReadOnlyList<DateTimeOffset> next = schedule.Damage is null && schedules.Count < 50
                    ? await timer.Schedules.GetNextOccurrencesAsync(schedule.Id, 3, context.RequestAborted).ConfigureAwait(false) ?? []
                    : [];
                schedules.Add(new ScheduleModel(schedule, next));
            }

            var model = new SchedulesModel(schedules, found.Count > MaxSchedules, id);
            await PageAsync<Schedules>(context, new View(model) { Title = $"Schedules of {ns}", Nav = "schedules", Namespace = ns }).ConfigureAwait(false);
        }
    }

    private async Task LocksAsync(HttpContext context)
    {
        OverviewPage overview = await runtime.Monitor.GetOverviewAsync(new OverviewQuery(), context.RequestAborted).ConfigureAwait(false);
        string ns = Text(context, "ns") ?? (overview.Lockers is [{ } first, ..] ? first.Namespace : LockerOptions.DefaultNamespace);
        CheckName(ns, "ns");
        string? key = Text(context, "key"), list = Text(context, "list"), cursor = Text(context, "cursor");
        KeySnapshot? found = null;
        LockerPage? page = null;
        if (key is not null)
        {
            CheckName(key, "key");
            ProcessLocker locker = runtime.OpenLocker(ns);
            await using (locker.ConfigureAwait(false)) found = await locker.PeekAsync(key, context.RequestAborted).ConfigureAwait(false);
        }
        else if (list is not null)
        {
            page = await runtime.Store.Locks.ListAsync(ns, cursor, Limits.MaxBatch, context.RequestAborted).ConfigureAwait(false);
        }

        await PageAsync<Locks>(context, new View(new LocksModel(overview.Store, [.. overview.Lockers.Select(static one => one.Namespace)], ns, key, found, page)) { Title = "Locks", Nav = "locks" }).ConfigureAwait(false);
    }

    private static async Task<List<TimerSnapshot>> TakeAsync(IAsyncEnumerable<TimerSnapshot> all, int count)
    {
        List<TimerSnapshot> taken = [];
        await foreach (TimerSnapshot one in all.ConfigureAwait(false))
        {
            taken.Add(one with { Payload = default }); // a list shows none
            if (taken.Count == count) break;
        }

        return taken;
    }

    private static int LimitOf(HttpContext context)
    {
        string text = Text(context, "limit") ?? "25";
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int limit) && _limits.Contains(limit)
            ? limit
            : throw new ArgumentException($"'limit' must be one of {string.Join(", ", _limits)}; it is '{text}'.");
    }

    private static DeadLetterReason? ReasonOf(string? text)
    {
        if (text is null) return null;
        return Enum.TryParse(text, ignoreCase: false, out DeadLetterReason reason) && Enum.IsDefined(reason) && !char.IsAsciiDigit(text[0])
            ? reason
            : throw new ArgumentException($"'reason' must be one of {string.Join(", ", Enum.GetNames<DeadLetterReason>())}; it is '{text}'.");
    }
}
