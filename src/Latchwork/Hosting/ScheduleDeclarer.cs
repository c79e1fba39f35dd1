using Latchwork.Storage;
using Microsoft.Extensions.Logging;

namespace Latchwork.Hosting;

/// <summary>
/// Declares the schedules of an application when it has started, namespace by namespace, again and again until that succeeds; then reports those that nobody declares
/// any more, or removes them.
/// </summary>
internal sealed class ScheduleDeclarer(LatchworkRegistration registration, IServiceProvider services)
{
    private readonly ILogger _log = LatchworkRegistration.LogOf(services);

    /// <summary>Ends when everything is declared or <paramref name="stopping"/> fires. Never throws.</summary>
    public Task RunAsync(CancellationToken stopping) => Task.WhenAll(registration.Timers.Select(timer => DeclareAsync(timer, stopping)));

    private async Task DeclareAsync(TimerRegistration timer, CancellationToken stopping)
    {
        // Whoever only posts has nothing to say of the schedules of others.
        bool isAsked = timer.Schedules.Count > 0 || timer.RemovesUnlisted || IsConfigured(timer);
        if (timer.Handler is null && !isAsked) return;
        int failures = 0;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await DeclareAllAsync(timer, stopping).ConfigureAwait(false);
                if (failures > 0 && isAsked) _log.SchedulesDeclaredAtLast(timer.Namespace);
                return;
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (LatchworkStoreException e)
            {
                if (failures == 0 && isAsked) _log.SchedulesNotDeclared(e, timer.Namespace);
                else _log.SchedulesStillNotDeclared(e, timer.Namespace);
            }
#pragma warning disable CA1031 // Whatever it is, the application continues; only a store can be better the next time.
            catch (Exception e)
#pragma warning restore CA1031
            {
                _log.SchedulesRefused(e, timer.Namespace);
                return;
            }

            await Task.Delay(Backoff.OfStore(failures++), TimeProvider.System, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private bool IsConfigured(TimerRegistration timer) =>
        registration.SectionOf(services)?.GetSection(ScheduleRegistration.Section).GetSection(timer.Namespace).GetChildren().Any() == true;

    private async Task DeclareAllAsync(TimerRegistration timer, CancellationToken stopping)
    {
        if (registration.StoreOf(services) is ConnectingStore connecting) await connecting.StartAsync().WaitAsync(stopping).ConfigureAwait(false);
        TimerSchedules schedules = registration.TimerOf(services, timer.Namespace).Schedules;
        if (!schedules.IsKept && timer.Schedules.Count == 0 && !timer.RemovesUnlisted && !IsConfigured(timer)) return;
        List<ScheduleRegistration> declared = ScheduleRegistration.Read(registration.SectionOf(services), timer, []); // what cannot be read has kept the application from starting
        foreach (ScheduleRegistration one in declared)
        {
            ScheduleResult result;
            try
            {
                ScheduleDeclaration declaration = schedules.Declare(one.Id, one.Schedule, one.Payload(services), one.Options, isDeclared: true);
                result = await schedules.AddOrUpdateAsync(one.Id, declaration, stopping).ConfigureAwait(false);
            }
            catch (ArgumentException e)
            {
                _log.SchedulesRefused(e, timer.Namespace); // the others are declared all the same
                continue;
            }

            if (result.Outcome == ScheduleOutcome.Outdated) _log.ScheduleOutdated(one.Id, timer.Namespace, one.Options.Revision);
        }

        var listed = declared.Select(static one => one.Id).ToHashSet(StringComparer.Ordinal);
        long newest = declared.Select(static one => one.Options?.Revision ?? 0).DefaultIfEmpty(0).Max();
        await foreach (ScheduleSnapshot unclaimed in schedules.ListAsync(stopping).ConfigureAwait(false))
        {
            if (!unclaimed.IsDeclared || listed.Contains(unclaimed.Id)) continue;

            // One of a higher revision than any here is of a newer build, which this one must not undo; and one that was declared meanwhile is not meant.
            bool isOurs = timer.RemovesUnlisted && unclaimed.Options is { } options && options.Revision <= newest;
            if (!isOurs) _log.ScheduleUnclaimed(unclaimed.Id, timer.Namespace);
            else if (await schedules.RemoveAsync(unclaimed.Id, unclaimed.Version, stopping).ConfigureAwait(false) == ScheduleRemoval.Removed) _log.UnlistedScheduleRemoved(unclaimed.Id, timer.Namespace);
        }
    }
}
