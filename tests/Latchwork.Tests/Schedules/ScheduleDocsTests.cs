using System.Globalization;
using System.Text.RegularExpressions;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Schedules;

/// <summary>docs/schedules.md: its first program runs, and its table of Berlin's two nights is what the library computes.</summary>
public sealed partial class ScheduleDocsTests
{
    private sealed record Report(string Name);

    [Fact]
    public async Task The_first_program_declares_and_joins()
    {
        await using var store = new InMemoryStore();
        await using var timer = new DistributedTimer(store, new() { Namespace = "reports" });

        await timer.Schedules.AddOrUpdateAsync("nightly", Schedule.Cron("0 3 * * *", "Europe/Paris"), new Report("sales"));

        await timer.JoinAsync((delivery, cancellationToken) =>
        {
            Console.WriteLine($"{delivery.Occurrence?.ScheduleId} for {delivery.Occurrence?.ScheduledFor:u}: {delivery.Read<Report>()}");
            return Task.CompletedTask;
        });

        (await timer.Schedules.GetAsync("nightly")).ShouldNotBeNull().Schedule!.ToString().ShouldBe("0 3 * * * (Europe/Paris)");
    }

    [Fact]
    public void Berlins_two_nights_are_as_the_table_says()
    {
        string page = File.ReadAllText(Docs.PathTo("docs", "schedules.md"));
        string section = page[page.IndexOf("### Berlin's two nights", StringComparison.Ordinal)..page.IndexOf("## What happens to an occurrence", StringComparison.Ordinal)];
        string[] rows = [.. section.Split('\n').Where(line => Row().IsMatch(line))];
        rows.Length.ShouldBe(7);

        string[] computed = [.. rows.Select(row => Row().Match(row).Groups[1].Value).Select(expression => $"| `{expression}` | {Times(expression, 3, 29)} | {Times(expression, 10, 25)} |")];

        string.Join('\n', rows).ShouldBe(string.Join('\n', computed));
    }

    /// <summary>The program of docs/coming-from/temporal.md.</summary>
    [Fact]
    public async Task What_was_a_schedule_of_Temporal_is_declared_as_its_page_shows()
    {
        await using var store = new InMemoryStore();
        await using var timer = new DistributedTimer(store, new() { Namespace = "reports" });

        // Latchwork
        await timer.Schedules.AddOrUpdateAsync("nightly", Schedule.Cron("0 3 * * *", "Europe/Paris"), new Report("sales"), new()
        {
            Overlap = OverlapPolicy.Queue,
            Misfire = MisfirePolicy.All,
            CatchUpWindow = TimeSpan.FromHours(6),
            Jitter = TimeSpan.FromMinutes(5),
        });

        await timer.JoinAsync((delivery, cancellationToken) => SendAsync(delivery.Read<Report>(), cancellationToken));

        (await timer.Schedules.GetAsync("nightly")).ShouldNotBeNull().Options.ShouldNotBeNull().CatchUpWindow.ShouldBe(TimeSpan.FromHours(6));
        static Task SendAsync(Report? report, CancellationToken cancellationToken) => Task.Delay(report?.Name.Length ?? 0, cancellationToken);
    }

    /// <summary>The times between 01:00 and 04:00 by the clocks of Berlin, each with its distance from UTC.</summary>
    private static string Times(string expression, int month, int day)
    {
        TimeZoneInfo berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
        var midnight = new DateTime(2026, month, day, 0, 0, 0, DateTimeKind.Unspecified);
        var from = new DateTimeOffset(midnight.AddHours(1), berlin.GetUtcOffset(midnight));
        DateTimeOffset[] times =
        [
            .. Schedule.Cron(expression, "Europe/Berlin").GetNext(from.AddTicks(-1), 20)
                .Select(time => TimeZoneInfo.ConvertTime(time, berlin))
                .TakeWhile(time => time.DateTime < midnight.AddHours(4)),
        ];
        return string.Join(", ", times.Select(time => time.ToString("HH:mm zzz", CultureInfo.InvariantCulture)));
    }

    [GeneratedRegex("^\\| `([^`]+)` \\| [^|]* \\| [^|]* \\|$")]
    private static partial Regex Row();
}
