using System.Globalization;
using System.Text;

namespace Latchwork.Dashboard;

/// <summary>The actions of the dashboard, in one table.</summary>
internal static class DashboardActions
{
    private static readonly DashboardAction[] _all =
    [
        new("post", "Post", ActionTarget.NewEvent, "It is delivered to one of the listening nodes when it is due. An event of the same id is replaced.", "namespace", PostAsync) { NeedsDelay = true },
        new("cancel", "Cancel", ActionTarget.Events, "What is scheduled is removed, and never delivered. An event that is in flight stays.", "namespace",
            (runtime, request, _, stop) => EachAsync(runtime, request, (timer, id) => timer.CancelAsync(id, cancellationToken: stop))) { IsFinal = true },
        new("change-delay", "Change the delay", ActionTarget.Events, "What is scheduled is due after the new delay, counted from now.", "event",
            (runtime, request, _, stop) => EachAsync(runtime, request, (timer, id) => timer.ChangeDelayAsync(id, request.Delay!.Value, stop))) { NeedsDelay = true },
        new("run-now", "Run now", ActionTarget.Events, "What is scheduled is due immediately.", "namespace",
            (runtime, request, _, stop) => EachAsync(runtime, request, (timer, id) => timer.ChangeDelayAsync(id, TimeSpan.Zero, stop))),
        new("requeue", "Requeue", ActionTarget.Events, "Dead letters are scheduled again, due now, with all their retries.", "namespace",
            (runtime, request, _, stop) => EachAsync(runtime, request, (timer, id) => timer.DeadLetters.RequeueAsync(id, cancellationToken: stop))),
        new("purge", "Purge", ActionTarget.Events, "Dead letters are deleted with their payloads.", "namespace",
            (runtime, request, _, stop) => EachAsync(runtime, request, (timer, id) => timer.DeadLetters.PurgeAsync(id, stop))) { IsFinal = true },
        new("requeue-all", "Requeue all", ActionTarget.AllDeadLetters, "All dead letters that there are then are scheduled again, due now, with all their retries.", "namespace",
            (runtime, request, _, stop) => OnTimerAsync(runtime, request, timer => PartlyDoneException.AllAsync(onDone => timer.DeadLetters.RequeueAllAsync(request.Reason, olderThan: null, due: null, onDone, stop)))),
        new("purge-all", "Purge all", ActionTarget.AllDeadLetters, "All dead letters that there are then are deleted with their payloads.", "namespace",
            (runtime, request, _, stop) => OnTimerAsync(runtime, request, timer => PartlyDoneException.AllAsync(onDone => timer.DeadLetters.PurgeAllAsync(request.Reason, olderThan: null, onDone, stop)))) { IsFinal = true },
        new("pause", "Pause", ActionTarget.Namespace, "Nothing is delivered by any node until it is resumed. Handlers that run finish, and posting works.", "namespace",
            (runtime, request, user, stop) => OnTimerAsync(runtime, request, async timer =>
            {
                await timer.PauseAsync(request.Why, user, stop).ConfigureAwait(false);
                return 1;
            })) { AsksWhy = true },
        new("resume", "Resume", ActionTarget.Namespace, "What became overdue meanwhile is delivered.", "namespace",
            (runtime, request, _, stop) => OnTimerAsync(runtime, request, async timer => await timer.ResumeAsync(stop).ConfigureAwait(false) is null ? 0 : 1)),
        new("schedule-pause", "Pause", ActionTarget.Schedule, "Its occurrences are skipped until it is resumed.", "schedules",
            (runtime, request, _, stop) => OnTimerAsync(runtime, request, async timer => await timer.Schedules.PauseAsync(request.Ids[0], stop).ConfigureAwait(false) ? 1 : 0)),
        new("schedule-resume", "Resume", ActionTarget.Schedule, "Its next occurrence is delivered again.", "schedules",
            (runtime, request, _, stop) => OnTimerAsync(runtime, request, async timer => await timer.Schedules.ResumeAsync(request.Ids[0], stop).ConfigureAwait(false) ? 1 : 0)),
        new("schedule-trigger", "Trigger", ActionTarget.Schedule, "It runs once now, besides its occurrences; what it does if one is running is its overlap policy.", "schedules",
            (runtime, request, _, stop) => OnTimerAsync(runtime, request, async timer =>
                (await timer.Schedules.TriggerAsync(request.Ids[0], stop).ConfigureAwait(false)).Outcome is TriggerOutcome.Triggered or TriggerOutcome.Queued ? 1 : 0)),
        new("schedule-remove", "Remove", ActionTarget.Schedule, "The schedule and its waiting occurrence are deleted. One that an application declares comes back when that starts.", "schedules",
            (runtime, request, _, stop) => OnTimerAsync(runtime, request, async timer => await timer.Schedules.RemoveAsync(request.Ids[0], stop).ConfigureAwait(false) ? 1 : 0)) { IsFinal = true },
        new("forget", "Forget", ActionTarget.Key, "The result is dropped and the lock is taken from its owner: whatever it publishes is refused, and a waiter may begin anew while the old run is still at work.", "locks", ForgetAsync) { IsFinal = true },
    ];

    /// <exception cref="ArgumentException">There is no such action, or it lacks what it needs.</exception>
    public static DashboardAction Find(ActionRequest request)
    {
        DashboardAction action = Array.Find(_all, one => one.Name == request.Action)
            ?? throw new ArgumentException($"'action' must be one of {string.Join(", ", _all.Select(static one => one.Name))}.");
        if (action.Target is ActionTarget.Events && request.Ids.Count == 0) throw new ArgumentException("Nothing is selected: mark at least one event ('id').");
        if (action.Target is ActionTarget.Schedule or ActionTarget.Key && request.Ids.Count != 1) throw new ArgumentException($"'{action.Name}' needs one 'id'; {request.Ids.Count} are given.");
        if (action.NeedsDelay && request.Delay is null) throw new ArgumentException($"'delay' is missing: say when, such as {DurationText.Examples}.");
        return action;
    }

    /// <summary>What a page says after an action. Only numbers and names of actions come from the address, so that nobody can put words there.</summary>
    public static string? Notice(string? done, string? of, string? action)
    {
        if (Array.Find(_all, one => one.Name == action) is not { } known) return null;
        if (!long.TryParse(done, NumberStyles.None, CultureInfo.InvariantCulture, out long number) || !long.TryParse(of, NumberStyles.None, CultureInfo.InvariantCulture, out long total)) return null;
        return number >= total
            ? $"{known.Title}: done ({Show.Count(number)})."
            : $"{known.Title}: {Show.Count(number)} of {Show.Count(total)} done. The others are gone, or in a state that does not allow it.";
    }

    private static async Task<long> PostAsync(DashboardRuntime runtime, ActionRequest request, string user, CancellationToken stop) => await OnTimerAsync(runtime, request, async timer =>
    {
        await timer.PostAsync(Encoding.UTF8.GetBytes(request.Payload), request.Delay!.Value, new PostOptions { Id = request.Ids.Count > 0 ? request.Ids[0] : null }, stop).ConfigureAwait(false);
        return 1;
    }).ConfigureAwait(false);

    private static async Task<long> ForgetAsync(DashboardRuntime runtime, ActionRequest request, string user, CancellationToken stop)
    {
        ProcessLocker locker = runtime.OpenLocker(request.Namespace);
        await using (locker.ConfigureAwait(false)) return await locker.ForgetAsync(request.Ids[0], stop).ConfigureAwait(false) ? 1 : 0;
    }

    private static Task<long> EachAsync(DashboardRuntime runtime, ActionRequest request, Func<DistributedTimer, string, Task<TimerOutcome>> one) => OnTimerAsync(runtime, request, async timer =>
        (await PartlyDoneException.EachAsync(request.Ids, id => one(timer, id)).ConfigureAwait(false)).Count(static outcome => outcome == TimerOutcome.Done));

    private static async Task<long> OnTimerAsync(DashboardRuntime runtime, ActionRequest request, Func<DistributedTimer, Task<long>> work)
    {
        DistributedTimer timer = runtime.OpenTimer(request.Namespace);
        await using (timer.ConfigureAwait(false)) return await work(timer).ConfigureAwait(false);
    }
}
