using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary><c>latchwork schedule</c>: the names in its JSON and its exit codes are a contract with scripts.</summary>
public sealed class ScheduleCommandTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task A_schedule_is_put_shown_paused_resumed_triggered_and_removed()
    {
        JsonElement put = (await RunAsync("put", "nightly", "--cron", "0 3 * * *", "--zone", "Europe/Paris", "--data", "{\"a\":1}", "--overlap", "queue", "--revision", "2")).ReadJson();
        put.GetProperty("outcome").GetString().ShouldBe("created");
        DateTimeOffset next = put.GetProperty("next").GetDateTimeOffset();

        (await RunAsync("put", "nightly", "--cron", "0 3 * * *", "--zone", "Europe/Paris", "--data", "{\"a\":1}", "--overlap", "queue", "--revision", "2")).ReadJson().GetProperty("outcome").GetString().ShouldBe("unchanged");
        CliResult outdated = await RunAsync("put", "nightly", "--every", "1h", "--revision", "1");
        (outdated.ExitCode, outdated.ReadJson().GetProperty("outcome").GetString()).ShouldBe((ExitCodes.Conflict, "outdated"));

        JsonElement shown = (await RunAsync("show", "nightly")).ReadJson();
        shown.GetProperty("cron").GetString().ShouldBe("0 3 * * *");
        shown.GetProperty("zone").GetString().ShouldBe("Europe/Paris");
        shown.GetProperty("overlap").GetString().ShouldBe("queue");
        shown.GetProperty("misfire").GetString().ShouldBe("latest");
        shown.GetProperty("next").GetDateTimeOffset().ShouldBe(next);
        shown.GetProperty("history").GetArrayLength().ShouldBe(0);

        (await RunAsync("pause", "nightly")).Out.ShouldBe("{\"id\":\"nightly\",\"outcome\":\"done\"}\n");
        (await RunAsync("show", "nightly")).ReadJson().GetProperty("paused").GetBoolean().ShouldBeTrue();
        (await RunAsync("resume", "nightly")).ExitCode.ShouldBe(ExitCodes.Done);
        JsonElement triggered = (await RunAsync("trigger", "nightly")).ReadJson();
        triggered.GetProperty("outcome").GetString().ShouldBe("triggered");
        triggered.GetProperty("occurrence").GetString().ShouldStartWith("nightly\u001F+");
        (await RunAsync("trigger", "nightly")).ReadJson().GetProperty("outcome").GetString().ShouldBe("queued");
        (await RunAsync("show", "nightly")).ReadJson().GetProperty("history")[1].GetProperty("outcome").GetString().ShouldBe("waiting");

        (await RunAsync("remove", "nightly")).ExitCode.ShouldBe(ExitCodes.Done);
        CliResult gone = await RunAsync("show", "nightly");
        (gone.ExitCode, gone.Out).ShouldBe((ExitCodes.NotFound, "{\"id\":\"nightly\",\"outcome\":\"notFound\"}\n"));
        gone.Error.ShouldContain("nightly: there is no such schedule");
    }

    [Fact]
    public async Task Schedules_are_listed_with_their_next_times()
    {
        await RunAsync("put", "b", "--cron", "0 3 * * *");
        await RunAsync("put", "a", "--every", "1h30m", "--anchor", "2026-01-01T00:00:00Z", "--jitter", "5m");

        CliResult list = await RunAsync("list");
        list.Lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()).ShouldBe(["a", "b"]);
        JsonDocument.Parse(list.Lines[0]).RootElement.GetProperty("everyMs").GetInt64().ShouldBe(5_400_000);
        (await RunPlainAsync("list")).Out.ShouldContain("0 3 * * * (UTC)");
        DateTimeOffset[] times = [.. (await RunAsync("next", "b", "--count", "3")).Lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("at").GetDateTimeOffset())];
        times.Select(time => time.TimeOfDay).ShouldAllBe(time => time == TimeSpan.FromHours(3));
        (times[2] - times[0]).ShouldBe(TimeSpan.FromDays(2));
        CliResult shown = await RunPlainAsync("show", "a");
        shown.Out.ShouldContain("every 01:30:00 from 2026-01-01T00:00:00Z");
        shown.Out.ShouldContain("misfire latest, overlap skip");
    }

    [Theory]
    [InlineData("'--cron' or '--every' is needed", "put", "x")]
    [InlineData("exclude each other", "put", "x", "--cron", "0 3 * * *", "--every", "1h")]
    [InlineData("'--zone' goes with '--cron'", "put", "x", "--every", "1h", "--zone", "Europe/Paris")]
    [InlineData("'nonsense'", "put", "x", "--cron", "nonsense")]
    [InlineData("'Mars/Olympus'", "put", "x", "--cron", "0 3 * * *", "--zone", "Mars/Olympus")]
    [InlineData("has no time after", "put", "x", "--cron", "0 0 30 2 *")]
    [InlineData("must be between 1s and", "put", "x", "--every", "10ms")]
    [InlineData("U+001F", "put", "a\u001Fb", "--every", "1h")]
    [InlineData("'--overlap' must be one of skip, queue, allow", "put", "x", "--every", "1h", "--overlap", "never")]
    public async Task What_is_wrong_is_named(string error, params string[] args)
    {
        CliResult result = await RunAsync(args);

        result.Error.ShouldContain(error);
        result.Error.ShouldNotContain("(Parameter");
        result.ExitCode.ShouldBe(ExitCodes.BadInput);
    }

    private Task<CliResult> RunAsync(params string[] args) => RunPlainAsync([.. args, "--json"]);

    private Task<CliResult> RunPlainAsync(params string[] args) => Tool.RunAsync(["schedule", .. args, "--store", $"sqlite:{_scratch["schedules.db"]}"]);
}
