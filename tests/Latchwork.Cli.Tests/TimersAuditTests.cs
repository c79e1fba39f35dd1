using Latchwork.Cli.Demo;
using Latchwork.Cli.Demo.Cast;
using Latchwork.Cli.Demo.Timers;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>The demo's first audit must find what is wrong: here are books that somebody has tampered with.</summary>
public sealed class TimersAuditTests
{
    private static readonly long _second = TimeProvider.System.TimestampFrequency;

    private readonly TimersBooks _books;
    private readonly ListenerRecord _victim;
    private readonly ListenerRecord _heir;

    public TimersAuditTests()
    {
        DemoEvent[] events =
        [
            new() { Id = "plain", Kind = DemoKind.Plain, Payload = [1], Delay = TimeSpan.FromSeconds(1) },
            new() { Id = "held", Kind = DemoKind.Burst, Payload = [2], Delay = TimeSpan.FromSeconds(1), MaxRetries = 3 },
            new() { Id = "cancelled", Kind = DemoKind.Cancelled, Payload = [3], Delay = TimeSpan.FromSeconds(5) },
            new() { Id = "dead", Kind = DemoKind.Rejected, Payload = [4], Delay = TimeSpan.FromSeconds(1) },
        ];
        foreach (DemoEvent e in events) e.MinDelay = e.Delay;
        _books = new TimersBooks(events, ["anna", "ben"]) { Posted = events.Length };
        (_victim, _heir) = (_books.Listeners[0], _books.Listeners[1]);
    }

    [Fact]
    public void A_run_in_which_all_went_well_holds()
    {
        PlayWell();
        TimersResult result = Check();
        result.Claims.ShouldAllBe(claim => claim.Holds);
        (result.DeliveredOnce, result.Retried, result.Dead, result.Cancelled, result.Lost).ShouldBe((1, 1, 1, 1, 0));
        result.Redelivery!.First.TotalSeconds.ShouldBe(2, 0.01);
    }

    [Fact]
    public void An_event_that_never_came_is_lost()
    {
        Handle(_heir, "held", 1, retries: 0);
        CancelAndKill();
        Check().Lost.ShouldBe(1);
        Breaks("accounted for");
    }

    [Fact]
    public void An_event_that_is_still_to_come_is_not_lost_but_late()
    {
        Hold("held");
        CancelAndKill();
        Handle(_heir, "held", 4, retries: 1);
        TimersResult result = Check("plain");
        (result.Lost, result.Left).ShouldBe((0, 1));
        result.Claims.Where(claim => !claim.Holds).ShouldHaveSingleItem().IsOfTime.ShouldBeTrue();
    }

    [Fact]
    public void What_the_dead_listener_held_and_nobody_got_is_found()
    {
        Handle(_heir, "plain", 1, retries: 0);
        Hold("held");
        CancelAndKill();
        Breaks("came to the others");
        Breaks("accounted for");
    }

    [Fact]
    public void A_confirm_that_was_just_sent_may_be_all_there_is()
    {
        Handle(_heir, "plain", 1, retries: 0);
        Hold("held");
        _books.Hear(_victim, new EventConfirming("held", "anna 0"));
        CancelAndKill();
        TimersResult result = Check();
        result.Claims.ShouldAllBe(claim => claim.Holds);
        result.Claims.ShouldContain(claim => claim.Text.Contains("but for 1 whose confirm had just been sent", StringComparison.Ordinal));
    }

    [Fact]
    public void Early_is_early()
    {
        PlayWell();
        _books.Find("plain").MinDelay = TimeSpan.FromSeconds(1.5);
        Breaks("before its time");
    }

    [Fact]
    public void Two_confirms_are_one_too_many()
    {
        PlayWell();
        Handle(_victim, "plain", 2, retries: 1);
        Breaks("confirmed twice");
    }

    [Fact]
    public void Two_who_hold_it_at_a_time_are_one_too_many()
    {
        PlayWell();
        _books.Find("held").Attempts[0].HeldAt = At(4.5);
        Breaks("held by two nodes at a time");
    }

    [Fact]
    public void A_changed_payload_is_found()
    {
        PlayWell();
        _books.Find("plain").Payload[0] = 9;
        Breaks("or changed");
    }

    [Fact]
    public void What_comes_after_it_was_cancelled_is_found()
    {
        PlayWell();
        Handle(_heir, "cancelled", 6, retries: 0);
        Breaks("what was cancelled never came");
    }

    [Fact]
    public void A_failure_that_is_not_kept_is_found()
    {
        PlayWell();
        Fails(new TimersAudit(_books, new DemoStory(TimeProvider.System), _victim, [Dead(failures: 0)], []).Check(), "what died is kept");
    }

    private static long At(double seconds) => (long)(seconds * _second);

    private static TimerSnapshot Dead(int failures) => new()
    {
        Id = "dead",
        State = TimerState.Dead,
        Due = DateTimeOffset.UnixEpoch,
        TimeLeft = TimeSpan.Zero,
        Retries = 0,
        MaxRetries = 0,
        Payload = new byte[] { 4 },
        Headers = new Dictionary<string, string>(),
        DeadReason = DeadReason.Rejected,
        Failures = [.. Enumerable.Repeat(new AttemptFailure(1, "ben", DateTimeOffset.UnixEpoch, "no such customer"), failures)],
    };

    private void PlayWell()
    {
        Handle(_heir, "plain", 1, retries: 0);
        Hold("held");
        CancelAndKill();
        Handle(_heir, "held", 4, retries: 1);
    }

    private void Hold(string id) => _books.Hear(_victim, new EventBegun(id, "anna 0", 0, 0, At(1), [.. _books.Find(id).Payload]));

    private void CancelAndKill()
    {
        _books.Cancel(_books.Find("cancelled"), At(0.5));
        _books.Die(_victim, At(2));
        End(_heir, "dead", 1, retries: 0, AttemptEnd.Rejected);
    }

    private void Handle(ListenerRecord listener, string id, double at, int retries) => End(listener, id, at, retries, AttemptEnd.Confirmed);

    private void End(ListenerRecord listener, string id, double at, int retries, AttemptEnd end)
    {
        string token = $"{listener.Name} {retries}";
        _books.Hear(listener, new EventBegun(id, token, retries, 1, At(at), [.. _books.Find(id).Payload]));
        _books.Hear(listener, new EventEnded(id, token, end, At(at)));
    }

    private TimersResult Check(params string[] left) =>
        new TimersAudit(_books, new DemoStory(TimeProvider.System), _victim, [Dead(failures: 1)], [.. left]).Check();

    private void Breaks(string claim) => Fails(Check(), claim);

    private static void Fails(TimersResult result, string claim) =>
        result.Claims.First(c => c.Text.Contains(claim, StringComparison.Ordinal)).Holds.ShouldBeFalse(claim);
}
