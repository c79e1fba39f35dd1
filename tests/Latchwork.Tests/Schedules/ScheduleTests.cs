using Shouldly;
using Xunit;

namespace Latchwork.Tests.Schedules;

/// <summary>The times of a schedule: expressions in zones, fixed rhythms, and what is refused.</summary>
public sealed class ScheduleTests
{
    [Theory]
    [InlineData("0 3 * * *", "2026-01-10T03:00:00Z")]
    [InlineData("*/15 * * * *", "2026-01-09T12:15:00Z")]
    [InlineData("30 0 12 * * *", "2026-01-09T12:00:30Z")]
    [InlineData("@daily", "2026-01-10T00:00:00Z")]
    [InlineData("0 0 29 2 *", "2028-02-29T00:00:00Z")]
    [InlineData("  0   3  * * *  ", "2026-01-10T03:00:00Z")]
    public void A_cron_expression_of_five_or_six_fields_or_a_word_is_read(string expression, string next) =>
        Schedule.Cron(expression).GetNext(At("2026-01-09T12:00:00Z")).ShouldBe(At(next));

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("61 * * * *")]
    [InlineData("* * * *")]
    [InlineData("* * * * * * *")]
    public void What_is_no_expression_is_refused_and_named(string expression) =>
        Should.Throw<ArgumentException>(() => Schedule.Cron(expression)).Message.ShouldContain($"'{expression}'");

    [Fact]
    public void An_expression_that_is_too_long_is_refused() =>
        Should.Throw<ArgumentException>(() => Schedule.Cron(new string('*', 513))).Message.ShouldContain("at most 512 characters; it has 513");

    [Theory]
    [InlineData("Mars/Olympus")]
    [InlineData("")]
    [InlineData("../../etc/passwd")]
    [InlineData("Europe/\u0007Berlin")]
    public void A_zone_that_is_not_known_is_refused_at_the_call(string zone)
    {
        ArgumentException refused = Should.Throw<ArgumentException>(() => Schedule.Cron("0 3 * * *", zone));
        refused.Message.ShouldContain("'zone' must be the IANA name");
        refused.Message.ShouldNotContain("\u0007");
    }

    [Fact]
    public void A_zone_of_ones_own_making_is_refused()
    {
        var own = TimeZoneInfo.CreateCustomTimeZone("mine", TimeSpan.FromHours(2), "Mine", "Mine");

        Should.Throw<ArgumentException>(() => Schedule.Cron("0 3 * * *", own)).Message.ShouldContain("'mine'");
    }

    [Fact]
    public void A_zone_that_is_given_as_an_object_is_kept_by_its_name()
    {
        Schedule.Cron("0 3 * * *", TimeZoneInfo.FindSystemTimeZoneById("Europe/Paris")).ZoneId.ShouldBe("Europe/Paris");
        Schedule.Cron("0 3 * * *", TimeZoneInfo.Utc).ZoneId.ShouldBe("UTC");
    }

    /// <summary>The nights in which clocks change, in the north and in the south: expected times in UTC.</summary>
    [Theory]
    // Berlin: on 2026-03-29 02:00 becomes 03:00 (01:00Z); on 2026-10-25 03:00 becomes 02:00 (01:00Z).
    [InlineData("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z,2026-03-30T00:30:00Z")]
    [InlineData("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z,2026-10-26T01:30:00Z")]
    [InlineData("Europe/Berlin", "*/30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:00:00Z,2026-10-25T00:30:00Z,2026-10-25T01:00:00Z,2026-10-25T01:30:00Z")]
    // New York: on 2026-03-08 02:00 becomes 03:00 (07:00Z); on 2026-11-01 02:00 becomes 01:00 (06:00Z).
    [InlineData("America/New_York", "30 2 * * *", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00Z,2026-03-09T06:30:00Z")]
    [InlineData("America/New_York", "30 1 * * *", "2026-10-31T12:00:00Z", "2026-11-01T05:30:00Z,2026-11-02T06:30:00Z")]
    // Sydney, in the south: on 2026-04-05 03:00 becomes 02:00 (16:00Z the day before); on 2026-10-04 02:00 becomes 03:00 (16:00Z).
    [InlineData("Australia/Sydney", "30 2 * * *", "2026-04-04T02:00:00Z", "2026-04-04T15:30:00Z,2026-04-05T16:30:00Z")]
    [InlineData("Australia/Sydney", "30 2 * * *", "2026-10-03T02:00:00Z", "2026-10-03T16:00:00Z,2026-10-04T15:30:00Z")]
    // Lord Howe, in the south: by half an hour. On 2026-10-04 02:00 becomes 02:30 (15:30Z the day before).
    [InlineData("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T02:00:00Z", "2026-10-03T15:30:00Z,2026-10-04T15:15:00Z")]
    // Santiago, in the south: on 2026-09-06 00:00 becomes 01:00 (04:00Z).
    [InlineData("America/Santiago", "30 0 * * *", "2026-09-05T12:00:00Z", "2026-09-06T04:00:00Z,2026-09-07T03:30:00Z")]
    public void Hours_that_are_skipped_move_and_hours_that_are_repeated_count_once_for_fixed_times(string zone, string expression, string from, string expected)
    {
        DateTimeOffset[] times = [.. expected.Split(',').Select(At)];

        Schedule.Cron(expression, zone).GetNext(At(from), times.Length).ShouldBe(times);
    }

    [Fact]
    public void A_rhythm_is_counted_from_its_anchor_and_does_not_drift_in_ten_thousand_occurrences()
    {
        DateTimeOffset anchor = At("2026-01-09T12:00:00.250Z");
        var schedule = Schedule.Every(TimeSpan.FromSeconds(7), anchor);

        DateTimeOffset at = anchor;
        for (int i = 1; i <= 10_000; i++)
        {
            // Asked at any moment between the two, as a node does that is late.
            at = schedule.GetNext(at + TimeSpan.FromMilliseconds(i % 7_000)).ShouldNotBeNull();
            at.ShouldBe(anchor + i * TimeSpan.FromSeconds(7));
        }
    }

    [Fact]
    public void An_expression_does_not_drift_in_ten_thousand_occurrences()
    {
        var schedule = Schedule.Cron("0 3 * * *", "Europe/Berlin");
        DateTimeOffset at = At("2026-01-01T00:00:00Z");
        TimeZoneInfo zone = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");

        for (int i = 0; i < 10_000; i++)
        {
            at = schedule.GetNext(at).ShouldNotBeNull();
            TimeZoneInfo.ConvertTime(at, zone).TimeOfDay.ShouldBe(TimeSpan.FromHours(3));
        }

        at.ShouldBe(At("2053-05-18T01:00:00Z"));
    }

    [Fact]
    public void A_rhythm_begins_at_its_anchor_and_without_one_where_utc_does()
    {
        DateTimeOffset now = At("2026-01-09T12:34:56.789Z");

        Schedule.Every(TimeSpan.FromHours(1)).GetNext(now).ShouldBe(At("2026-01-09T13:00:00Z"));
        Schedule.Every(TimeSpan.FromHours(1), At("2027-01-01T00:10:00Z")).GetNext(now).ShouldBe(At("2027-01-01T00:10:00Z"));
        Schedule.Every(TimeSpan.FromHours(1), At("2026-01-09T13:34:56.789+01:00")).GetNext(now).ShouldBe(At("2026-01-09T13:34:56.789Z"));
    }

    [Fact]
    public void Intervals_of_years_are_possible_until_the_year_2169()
    {
        Schedule.Every(TimeSpan.FromDays(36_500), At("2020-01-01T00:00:00Z")).GetNext(At("2026-01-01T00:00:00Z")).ShouldBe(At("2020-01-01T00:00:00Z") + TimeSpan.FromDays(36_500));
        Schedule.Every(TimeSpan.FromDays(36_500), At("2020-01-01T00:00:00Z")).GetNext(At("2120-01-01T00:00:00Z")).ShouldBeNull();
    }

    [Theory]
    [InlineData("00:00:00.999", "2026-01-01T00:00:00Z")]
    [InlineData("00:00:01.0000001", "2026-01-01T00:00:00Z")]
    [InlineData("36501.00:00:00", "2026-01-01T00:00:00Z")]
    [InlineData("00:00:01", "1969-12-31T23:59:59Z")]
    [InlineData("00:00:01", "2170-01-01T00:00:00Z")]
    public void A_rhythm_out_of_its_bounds_is_refused(string interval, string anchor) =>
        Should.Throw<ArgumentOutOfRangeException>(() => Schedule.Every(TimeSpan.Parse(interval, System.Globalization.CultureInfo.InvariantCulture), At(anchor)));

    [Fact]
    public void A_schedule_says_what_it_is()
    {
        Schedule.Cron("0 3 * * *", "Europe/Paris").ToString().ShouldBe("0 3 * * * (Europe/Paris)");
        Schedule.Every(TimeSpan.FromMinutes(5)).ToString().ShouldBe("every 00:05:00 from 1970-01-01T00:00:00Z");
    }

    private static DateTimeOffset At(string text) => DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
