using System.Globalization;
using System.Text;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Schedules;

/// <summary>What becomes of an occurrence and of the chain behind it, by the declaration and times alone.</summary>
public sealed class OccurrencePlanTests
{
    private static readonly DateTimeOffset _t = At("2026-01-09T12:00:00Z");

    [Theory]
    [InlineData(MisfirePolicy.Latest)]
    [InlineData(MisfirePolicy.Skip)]
    [InlineData(MisfirePolicy.All)]
    public void One_that_is_punctual_runs_and_the_following_time_is_next(MisfirePolicy policy)
    {
        OccurrencePlan plan = Plan("0 * * * *", new() { Misfire = policy }, lateBy: TimeSpan.FromMinutes(1));

        plan.ShouldBe(new OccurrencePlan(true, default, _t, false, 0, _t, At("2026-01-09T13:00:00Z")));
    }

    [Theory]
    [InlineData("0 * * * *", 61)] // later than the threshold
    [InlineData("* * * * *", 60)] // the following time has passed, too
    public void One_is_missed_if_it_is_later_than_the_threshold_or_the_following_time_has_passed(string expression, int seconds)
    {
        OccurrencePlan plan = Plan(expression, new() { Misfire = MisfirePolicy.Skip }, TimeSpan.FromSeconds(seconds));

        (plan.Run, plan.EndAs).ShouldBe((false, OccurrenceOutcome.Missed));
    }

    [Fact]
    public void Of_several_that_were_missed_the_newest_runs_and_the_others_are_counted()
    {
        OccurrencePlan plan = Plan("*/10 * * * *", new(), TimeSpan.FromMinutes(35));

        plan.ShouldBe(new OccurrencePlan(true, default, _t.AddMinutes(30), true, 3, _t.AddMinutes(30), _t.AddMinutes(40)));
    }

    [Fact]
    public void A_single_one_that_was_missed_runs_at_its_own_time()
    {
        OccurrencePlan plan = Plan("0 * * * *", new(), TimeSpan.FromMinutes(5));

        plan.ShouldBe(new OccurrencePlan(true, default, _t, false, 0, _t, _t.AddHours(1)));
    }

    [Fact]
    public void Where_missed_ones_are_skipped_all_of_them_are()
    {
        OccurrencePlan plan = Plan("*/10 * * * *", new() { Misfire = MisfirePolicy.Skip }, TimeSpan.FromMinutes(35));

        plan.ShouldBe(new OccurrencePlan(false, OccurrenceOutcome.Missed, _t, false, 4, _t.AddMinutes(30), _t.AddMinutes(40)));
    }

    [Fact]
    public void Where_all_run_the_chain_goes_through_the_missed_times()
    {
        OccurrencePlan plan = Plan("*/10 * * * *", new() { Misfire = MisfirePolicy.All }, TimeSpan.FromMinutes(35));

        plan.ShouldBe(new OccurrencePlan(true, default, _t, false, 0, _t, _t.AddMinutes(10)));
    }

    [Fact]
    public void Where_all_run_those_beyond_the_window_are_passed_over()
    {
        OccurrencePlan plan = Plan("*/10 * * * *", new() { Misfire = MisfirePolicy.All, CatchUpWindow = TimeSpan.FromMinutes(20) }, TimeSpan.FromMinutes(35));

        plan.ShouldBe(new OccurrencePlan(false, OccurrenceOutcome.Missed, _t, false, 2, _t.AddMinutes(10), _t.AddMinutes(20)));
    }

    [Fact]
    public void Where_all_run_those_beyond_the_number_are_passed_over()
    {
        OccurrencePlan plan = Plan("*/10 * * * *", new() { Misfire = MisfirePolicy.All, CatchUpLimit = 1 }, TimeSpan.FromMinutes(35));

        plan.ShouldBe(new OccurrencePlan(false, OccurrenceOutcome.Missed, _t, false, 3, _t.AddMinutes(20), _t.AddMinutes(30)));
    }

    [Fact]
    public void Where_all_run_and_none_is_within_the_window_the_chain_goes_on_in_the_future()
    {
        OccurrencePlan plan = Plan("*/10 * * * *", new() { Misfire = MisfirePolicy.All, CatchUpWindow = TimeSpan.Zero }, TimeSpan.FromMinutes(35));

        plan.ShouldBe(new OccurrencePlan(false, OccurrenceOutcome.Missed, _t, false, 4, _t.AddMinutes(30), _t.AddMinutes(40)));
    }

    [Fact]
    public void A_chain_that_catches_up_runs_each_missed_time_once_and_ends_in_the_future()
    {
        ScheduleDeclaration declaration = Declare("*/10 * * * *", new() { Misfire = MisfirePolicy.All, CatchUpLimit = 5 });
        DateTimeOffset now = _t.AddMinutes(95), at = _t;
        var ran = new List<DateTimeOffset>();
        int missed = 0;
        while (at <= now)
        {
            OccurrencePlan plan = OccurrencePlan.Of("s", declaration, isPaused: false, at, now);
            if (plan.Run) ran.Add(plan.ScheduledFor);
            missed += plan.Missed;
            at = plan.Next.ShouldNotBeNull();
        }

        ran.ShouldBe(new[] { 50, 60, 70, 80, 90 }.Select(minutes => _t.AddMinutes(minutes)));
        (missed, at).ShouldBe((5, _t.AddMinutes(100)));
    }

    [Theory]
    [InlineData("* * * * * *")]
    [InlineData("* * * * 1 *")] // every second, but in January alone
    [InlineData("* * * * *")]
    public void A_standstill_of_years_costs_no_more_than_one_of_hours_and_counting_stops(string expression)
    {
        DateTimeOffset now = At("2036-07-01T00:00:00.500Z");
        ScheduleDeclaration declaration = Declare(expression, new());

        OccurrencePlan plan = OccurrencePlan.Of("s", declaration, isPaused: false, _t, now);

        plan.ScheduledFor.ShouldBe(Newest(declaration.Schedule, now));
        (plan.Missed, plan.IsMore).ShouldBe((10_000, true));
        plan.Next.ShouldBe(declaration.Schedule.GetNext(now));
    }

    [Fact]
    public void Exactly_as_many_missed_times_as_are_counted_are_not_more()
    {
        OccurrencePlan plan = Plan("*/10 * * * *", new() { Misfire = MisfirePolicy.Skip }, TimeSpan.FromMinutes(10) * 9_998);

        (plan.Missed, plan.IsMore).ShouldBe((9_999, false));
    }

    [Fact]
    public void A_rhythm_is_searched_without_counting_through_it()
    {
        ScheduleDeclaration declaration = Declare(Schedule.Every(TimeSpan.FromSeconds(1), _t), new());

        OccurrencePlan plan = OccurrencePlan.Of("s", declaration, isPaused: false, _t, _t.AddDays(36_000).AddMilliseconds(1));

        plan.ScheduledFor.ShouldBe(_t.AddDays(36_000));
        plan.Next.ShouldBe(_t.AddDays(36_000).AddSeconds(1));
    }

    [Fact]
    public void One_of_a_paused_schedule_ends_and_none_is_next()
    {
        OccurrencePlan plan = OccurrencePlan.Of("s", Declare("0 * * * *", new()), isPaused: true, _t, _t);

        plan.ShouldBe(new OccurrencePlan(false, OccurrenceOutcome.Paused, _t, false, 0, _t, null));
    }

    [Fact]
    public void A_jitter_makes_everything_later_by_the_same_span_and_nothing_missed()
    {
        var options = new ScheduleOptions { Jitter = TimeSpan.FromHours(1), MisfireThreshold = TimeSpan.Zero };
        ScheduleDeclaration declaration = Declare("0 12 * * *", options);
        TimeSpan offset = ScheduleDeclaration.JitterOf("s", options.Jitter);
        offset.ShouldBeInRange(TimeSpan.Zero, TimeSpan.FromHours(1) - TimeSpan.FromMilliseconds(1));

        OccurrencePlan.Of("s", declaration, false, _t, _t + offset).ShouldBe(new OccurrencePlan(true, default, _t, false, 0, _t, _t.AddDays(1)));
        declaration.EntryAt("s", _t).Due.ShouldBe(Due.At(_t + offset));
        OccurrencePlan.Of("s", declaration, false, _t, _t + offset + TimeSpan.FromDays(1)).ScheduledFor.ShouldBe(_t.AddDays(1));
    }

    [Fact]
    public void Ten_thousand_schedules_at_one_instant_are_spread_evenly_by_their_ids()
    {
        var jitter = TimeSpan.FromMinutes(10);
        int[] perMinute = new int[10];
        for (int i = 0; i < 10_000; i++) perMinute[(int)ScheduleDeclaration.JitterOf($"tenant-{i}", jitter).TotalMinutes]++;

        perMinute.ShouldAllBe(count => count > 850 && count < 1_150);
        ScheduleDeclaration.JitterOf("tenant-1", TimeSpan.Zero).ShouldBe(TimeSpan.Zero);
        ScheduleDeclaration.JitterOf("tenant-1", jitter).ShouldBe(ScheduleDeclaration.JitterOf("tenant-1", jitter));
    }

    [Fact]
    public void A_declaration_is_read_as_it_was_written_and_equal_ones_have_equal_bytes()
    {
        var options = new ScheduleOptions
        {
            Revision = 7,
            Misfire = MisfirePolicy.All,
            MisfireThreshold = TimeSpan.FromSeconds(5),
            CatchUpWindow = TimeSpan.FromHours(3),
            CatchUpLimit = 12,
            Overlap = OverlapPolicy.Queue,
            MaxRetries = 4,
            Jitter = TimeSpan.FromSeconds(30),
            Headers = new Dictionary<string, string> { ["b"] = "2", ["a"] = "1" },
        };
        ScheduleDeclaration written = Declare("0 3 * * *", options, "Europe/Paris");

        var read = ScheduleDeclaration.Decode(written.Encode());

        (read.Schedule.Expression, read.Schedule.ZoneId, read.MaxRetries).ShouldBe(("0 3 * * *", "Europe/Paris", 4));
        read.Options.ShouldBe(options with { Headers = read.Options.Headers });
        read.Options.Headers.ShouldNotBeNull().OrderBy(one => one.Key).ShouldBe(options.Headers.OrderBy(one => one.Key));
        read.Payload.ToArray().ShouldBe(Encoding.UTF8.GetBytes("payload"));
        read.Encode().ShouldBe(written.Encode());
        Declare("0 3 * * *", options with { Headers = new Dictionary<string, string> { ["a"] = "1", ["b"] = "2" } }, "Europe/Paris").Encode().ShouldBe(written.Encode());
    }

    [Fact]
    public void A_declaration_that_cannot_be_evaluated_here_says_why()
    {
        byte[] body = Declare("0 3 * * *", new(), "Europe/Paris").Encode();
        byte[] elsewhere = Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(body).Replace("Europe/Paris", "Utopia/Paris", StringComparison.Ordinal));

        Should.Throw<InvalidDataException>(() => ScheduleDeclaration.Decode(elsewhere)).Message.ShouldContain("Utopia/Paris");
        Should.Throw<InvalidDataException>(() => ScheduleDeclaration.Decode(new byte[] { 9 })).Message.ShouldContain("format 9");
        Should.Throw<InvalidDataException>(() => ScheduleDeclaration.Decode(body.AsMemory(0, 20)));
        Should.Throw<InvalidDataException>(() => ScheduleDeclaration.Decode(ReadOnlyMemory<byte>.Empty));
    }

    private static DateTimeOffset Newest(Schedule schedule, DateTimeOffset now)
    {
        // Counted from the last hour in which there are any: the search by halves must find the same.
        DateTimeOffset from = now.Month == 7 && schedule.Expression == "* * * * 1 *" ? At("2036-01-31T23:00:00Z") : now.AddHours(-1);
        DateTimeOffset newest = from;
        while (schedule.GetNext(newest) is { } next && next <= now) newest = next;
        return newest;
    }

    private static OccurrencePlan Plan(string expression, ScheduleOptions options, TimeSpan lateBy) =>
        OccurrencePlan.Of("s", Declare(expression, options), isPaused: false, _t, _t + lateBy);

    private static ScheduleDeclaration Declare(string expression, ScheduleOptions options, string zone = "UTC") => Declare(Schedule.Cron(expression, zone), options);

    private static ScheduleDeclaration Declare(Schedule schedule, ScheduleOptions options) => new()
    {
        Schedule = schedule,
        Options = options,
        MaxRetries = options.MaxRetries ?? 10,
        Payload = Encoding.UTF8.GetBytes("payload"),
    };

    private static DateTimeOffset At(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
