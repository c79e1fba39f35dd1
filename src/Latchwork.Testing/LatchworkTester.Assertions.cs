using System.Globalization;
using System.Text.Json;
using Latchwork.Hosting;

namespace Latchwork.Testing;

/// <content>What a test may expect. Each failure says what happened instead.</content>
public sealed partial class LatchworkTester
{
    /// <summary>Expects that an event was posted, whatever became of it since.</summary>
    /// <typeparam name="TEvent">The kind of event.</typeparam>
    /// <param name="which">Which one. Default: null, any.</param>
    /// <returns>The first such post.</returns>
    /// <exception cref="LatchworkAssertionException">There was none.</exception>
    public TestPost AssertPosted<TEvent>(Func<TEvent, bool>? which = null) =>
        FindPosts(which).FirstOrDefault() ?? throw Failed($"An event of type {typeof(TEvent).Name} was to be posted{(which is null ? "" : " as described")}.", Describe(Posts));

    /// <summary>Expects that no such event was posted.</summary>
    /// <typeparam name="TEvent">The kind of event.</typeparam>
    /// <param name="which">Which one. Default: null, any.</param>
    /// <exception cref="LatchworkAssertionException">One was.</exception>
    public void AssertNotPosted<TEvent>(Func<TEvent, bool>? which = null)
    {
        TestPost[] posts = [.. FindPosts(which)];
        if (posts.Length > 0) throw Failed($"No event of type {typeof(TEvent).Name} was to be posted{(which is null ? "" : " as described")}.", Describe(posts));
    }

    /// <summary>Expects that the handler of an event was called exactly once and did not fail.</summary>
    /// <typeparam name="TEvent">The kind of event.</typeparam>
    /// <param name="id">The event's id.</param>
    /// <returns>That call.</returns>
    /// <exception cref="LatchworkAssertionException">It was not called, or several times, or it failed.</exception>
    public TestDelivery AssertRanOnce<TEvent>(string id)
    {
        TestDelivery[] calls = [.. CallsOf<TEvent>(id)];
        return calls is [{ Error: null }] ? calls[0] : throw Failed($"The event '{id}' was to be handled once, without a failure.", Describe(calls));
    }

    /// <summary>Expects that the handler of an event was called a number of times, failed or not.</summary>
    /// <typeparam name="TEvent">The kind of event.</typeparam>
    /// <param name="id">The event's id.</param>
    /// <param name="times">How often; 0 for never.</param>
    /// <exception cref="LatchworkAssertionException">It was called more or less often.</exception>
    public void AssertRan<TEvent>(string id, int times)
    {
        TestDelivery[] calls = [.. CallsOf<TEvent>(id)];
        if (calls.Length != times) throw Failed(string.Create(CultureInfo.InvariantCulture, $"The event '{id}' was to be handled {times} times."), Describe(calls));
    }

    /// <summary>Expects that an event is dead-lettered.</summary>
    /// <typeparam name="TEvent">The kind of event.</typeparam>
    /// <param name="id">The event's id.</param>
    /// <param name="reason">Of what. Default: null, of anything.</param>
    /// <returns>The event.</returns>
    /// <exception cref="LatchworkAssertionException">It is not, or of something else.</exception>
    public async Task<TimerSnapshot> AssertDeadLetteredAsync<TEvent>(string id, DeadLetterReason? reason = null)
    {
        TimerSnapshot? found = null;
        foreach ((LatchworkRegistration registration, TimerRegistration timer) in TimersOf<TEvent>())
        {
            found ??= await registration.TimerOf(_services, timer.Namespace).PeekAsync(id).ConfigureAwait(false);
        }

        return found?.State == TimerState.DeadLettered && (reason is null || found.DeadLetterReason == reason)
            ? found
            : throw Failed(
                $"The event '{id}' was to be dead-lettered{(reason is null ? "" : $" ({reason})")}.",
                found is null ? "It is unknown." : $"It is {found.State}{(found.DeadLetterReason is null ? "" : $" ({found.DeadLetterReason})")}.");
    }

    /// <summary>Expects that one process became the owner of a key exactly once: that the work for it ran once.</summary>
    /// <param name="key">The key.</param>
    /// <param name="ns">The locker's namespace. Default: that of a locker without settings.</param>
    /// <exception cref="LatchworkAssertionException">There was no owner, or there were several.</exception>
    public void AssertLockedOnce(string key, string ns = LockerOptions.DefaultNamespace)
    {
        int owners = _journal.GrantsOf(ns, key);
        if (owners != 1) throw Failed($"The key '{key}' was to have one owner.", string.Create(CultureInfo.InvariantCulture, $"It had {owners}."));
    }

    private static LatchworkAssertionException Failed(string expected, string happened) => new($"{expected} {happened}");

    private static string Describe(IReadOnlyList<TestPost> posts) => posts.Count == 0
        ? "Nothing was posted."
        : "Posted: " + string.Join("; ", posts.Select(post => $"'{post.Id}' to '{post.Namespace}', due {post.Due:O} ({post.Outcome})")) + ".";

    private static string Describe(TestDelivery[] calls) => calls.Length == 0
        ? "It was not handled."
        : "Handled: " + string.Join("; ", calls.Select(call => $"at {call.At:O}, {(call.Error is null ? "without a failure" : $"{call.Error.GetType().Name}: {call.Error.Message}")}")) + ".";

    private IEnumerable<TestPost> FindPosts<TEvent>(Func<TEvent, bool>? which)
    {
        Dictionary<string, TimerRegistration> timers = TimersOf<TEvent>().Select(one => one.Timer).DistinctBy(timer => timer.Namespace).ToDictionary(timer => timer.Namespace);
        return Posts.Where(post => timers.TryGetValue(post.Namespace, out TimerRegistration? timer) && (which is null || Matches(timer, post, which)));
    }

    private bool Matches<TEvent>(TimerRegistration timer, TestPost post, Func<TEvent, bool> which)
    {
        try
        {
            return which((TEvent)timer.Read(_services, post.Payload));
        }
        catch (JsonException)
        {
            return false; // bytes that are no such event were posted past ITimer
        }
    }

    private IEnumerable<TestDelivery> CallsOf<TEvent>(string id)
    {
        HashSet<string> namespaces = [.. TimersOf<TEvent>().Select(one => one.Timer.Namespace)];
        return Deliveries.Where(call => call.Id == id && namespaces.Contains(call.Namespace));
    }

    private List<(LatchworkRegistration Registration, TimerRegistration Timer)> TimersOf<TEvent>()
    {
        List<(LatchworkRegistration Registration, TimerRegistration Timer)> timers = _registrations
            .SelectMany(registration => registration.Timers, (registration, timer) => (Registration: registration, Timer: timer))
            .Where(one => one.Timer.EventType == typeof(TEvent))
            .ToList();
        return timers.Count > 0 ? timers : throw new InvalidOperationException($"There is no timer for events of type {typeof(TEvent)}: was AddTimer called?");
    }
}
