using Latchwork.Hosting;

namespace Latchwork;

/// <content>Recurring schedules that the application declares when it starts.</content>
public sealed partial class LatchworkBuilder
{
    /// <summary>
    /// Declares a recurring schedule of a namespace when the application starts: see <see cref="TimerSchedules.AddOrUpdateAsync(string, Schedule, ReadOnlyMemory{byte}, ScheduleOptions?, CancellationToken)"/>.
    /// A store that is down is tried in the background. The configuration section <c>Latchwork:Schedules:NAMESPACE:ID</c> overrides what it names, and can
    /// declare further schedules.
    /// </summary>
    /// <typeparam name="TEvent">The kind of event, as in <c>AddTimer</c>.</typeparam>
    /// <param name="ns">The namespace: one that was added with <c>AddTimer</c> before.</param>
    /// <param name="id">The schedule's id: 1 to 480 bytes of UTF-8, without U+001F.</param>
    /// <param name="schedule">When it recurs.</param>
    /// <param name="value">The value that each occurrence has.</param>
    /// <param name="options">Policies, retries, headers, revision; null for the defaults.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentException">The id cannot be one.</exception>
    /// <exception cref="InvalidOperationException">There is no such namespace, it has events of another type, or the schedule is declared already.</exception>
    public LatchworkBuilder AddSchedule<TEvent>(string ns, string id, Schedule schedule, TEvent value, ScheduleOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        ArgumentNullException.ThrowIfNull(value);
        ScheduleReader.CheckId(id);
        TimerRegistration timer = TimerWith(ns);
        if (timer.EventType != typeof(TEvent))
        {
            throw new InvalidOperationException($"The namespace '{ns}' has events of type {timer.EventType}; the schedule '{id}' cannot have events of type {typeof(TEvent)}.");
        }

        if (timer.Schedules.Exists(one => one.Id == id)) throw new InvalidOperationException($"The schedule '{id}' of the namespace '{ns}' is declared already.");
        timer.Schedules.Add(new ScheduleRegistration(id, schedule, services => timer.Write(services, value), options ?? new ScheduleOptions()));
        return this;
    }

    /// <summary>
    /// Removes, when the application has declared its schedules, those of a namespace that some application declared at its start, but this one does not (any more).
    /// Without this they are reported in the log as unclaimed. Only for a namespace of which one application declares all schedules.
    /// </summary>
    /// <param name="ns">The namespace: one that was added with <c>AddTimer</c> before.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="InvalidOperationException">There is no such namespace.</exception>
    public LatchworkBuilder RemoveUnlistedSchedules(string ns)
    {
        TimerWith(ns).RemovesUnlisted = true;
        return this;
    }

    private TimerRegistration TimerWith(string ns) => _registration.Timers.Find(one => one.Namespace == ns)
        ?? throw new InvalidOperationException($"There is no namespace '{ns}' yet: call AddTimer before its schedules are added.");
}
