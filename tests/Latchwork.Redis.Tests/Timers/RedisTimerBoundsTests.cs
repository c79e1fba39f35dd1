using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Timers;

/// <summary>No script does unbounded work, and the usual ones need few commands whatever the size of the batch.</summary>
public sealed class RedisTimerBoundsTests(RedisTimerFixture fixture) : RedisTimerTests(fixture), IClassFixture<RedisTimerFixture>
{
    [Fact]
    public async Task A_batch_needs_few_commands_whatever_its_size()
    {
        await PostAsync(Entry("first", 60_000)); // so that the connection is warm and the scripts are loaded
        await ClaimAsync("t0");
        await Timers.LeaveAsync(Partition, "n1", CancellationToken.None);
        await Timers.ConfirmAsync(Partition, [new("none", "none")], CompletedLimits.None, CancellationToken.None);
        await Timers.ExtendAsync(Partition, [new("none", "none")], TimeSpan.FromSeconds(30), CancellationToken.None);

        // EVALSHA itself counts, and so does what is needed to find that nobody listens.
        (await CountCommandsAsync(() => PostAsync([.. Entries(200, 60_000).Select(e => e with { Id = "n" + e.Id, IdIsNew = true })]))).ShouldBeLessThanOrEqualTo(8);
        (await CountCommandsAsync(() => PostAsync(Entries(200)))).ShouldBeLessThanOrEqualTo(11);
        (await CountCommandsAsync(() => PostAsync(Entries(200)))).ShouldBeLessThanOrEqualTo(13);
        (await CountCommandsAsync(() => PostAsync(Entry("single", 60_000)))).ShouldBeLessThanOrEqualTo(9);
        await ClaimAsync("t1", 0); // the node is given a poll slot, which happens once a second
        DeliveryKey[] taken = [];
        (await CountCommandsAsync(async () => taken = await TakeAsync("t2"))).ShouldBeLessThanOrEqualTo(22);
        taken.Length.ShouldBe(200);
        (await CountCommandsAsync(() => Timers.ExtendAsync(Partition, taken, TimeSpan.FromSeconds(30), CancellationToken.None))).ShouldBeLessThanOrEqualTo(6);
        (await CountCommandsAsync(() => Timers.ConfirmAsync(Partition, taken, CompletedLimits.None, CancellationToken.None))).ShouldBeLessThanOrEqualTo(9);
    }

    [Fact]
    public async Task Counting_costs_a_script_one_read_and_one_write_whatever_the_size_of_the_batch()
    {
        await PostAsync(Entries(200));
        DeliveryKey[] taken = await TakeAsync("t1");
        await Server.CommandAsync("CONFIG", "RESETSTAT");
        await Timers.ConfirmAsync(Partition, taken, CompletedLimits.None, CancellationToken.None);
        string stats = await Server.CommandAsync("INFO", "commandstats");
        stats.ShouldContain("cmdstat_hmget:calls=3,", Case.Sensitive, "the layout, the leases, the counters");
        stats.ShouldContain("cmdstat_hset:calls=1,", Case.Sensitive, "the counters");

        string counters = $"lw:{{t:{Partition.Namespace}:0}}:counters";
        (await Server.CommandAsync("HSTRLEN", counters, "now")).ShouldBe("108");
        (await Server.CommandAsync("HLEN", counters)).ShouldBe("1", "what is over is written once a minute");
        for (int minute = 0; minute < 3_000; minute += 7)
        {
            Clock.Advance(TimeSpan.FromMinutes(7));
            await PostAsync(Entry("again", 60_000));
        }

        int.Parse(await Server.CommandAsync("HLEN", counters), System.Globalization.CultureInfo.InvariantCulture).ShouldBeLessThanOrEqualTo(110);
    }

    [Fact]
    public async Task The_history_costs_a_batch_a_few_commands_where_it_is_kept_and_none_where_it_is_not()
    {
        var keep = new CompletedLimits(TimeSpan.FromDays(1), 300);
        await PostManyAsync(Entries(800));
        for (int i = 0; i < 2; i++) await Timers.ConfirmAsync(Partition, await TakeAsync($"warm{i}"), keep, CancellationToken.None);
        DeliveryKey[] taken = await TakeAsync("t1");
        long without = await CountCommandsAsync(() => Timers.ConfirmAsync(Partition, taken, CompletedLimits.None, CancellationToken.None));
        taken = await TakeAsync("t2");
        long with = await CountCommandsAsync(() => Timers.ConfirmAsync(Partition, taken, keep, CancellationToken.None));
        taken.Length.ShouldBe(200);

        // The lines, their places, what is too old, how many there are; which are too many, their places, their lines. (Without a clock of the test also TIME, and once in
        // 50 ms the time is noted.)
        (with - without).ShouldBe(7);
        string tag = $"lw:{{t:{Partition.Namespace}:0}}";
        (await Server.CommandAsync("ZCARD", $"{tag}:completedids")).ShouldBe("300");
        (await Server.CommandAsync("HLEN", $"{tag}:completed")).ShouldBe("300");

        await Server.CommandAsync("CONFIG", "RESETSTAT");
        await Timers.ConfirmAsync(Partition, [new("none", "none")], keep, CancellationToken.None);
        (await Server.CommandAsync("INFO", "commandstats")).ShouldNotContain("cmdstat_hset:", Case.Sensitive, "who ends nothing writes nothing");
    }

    [Fact]
    public async Task A_line_of_the_history_takes_little()
    {
        const int Count = 10_000;
        for (int i = 0; i < Count; i += 200)
        {
            await PostAsync([.. Enumerable.Range(i, 200).Select(n => Entry($"{n:D36}"))]);
            if (i == 0) await Timers.ConfirmAsync(Partition, await TakeAsync("warm"), CompletedLimits.None, CancellationToken.None);
            else await Timers.ConfirmAsync(Partition, await TakeAsync($"t{i}"), new CompletedLimits(TimeSpan.FromDays(1), Count), CancellationToken.None);
        }

        string tag = $"lw:{{t:{Partition.Namespace}:0}}";
        long bytes = 0;
        foreach (string key in (string[])["completed", "completedids"]) bytes += long.Parse(await Server.CommandAsync("MEMORY", "USAGE", $"{tag}:{key}", "SAMPLES", "0"), System.Globalization.CultureInfo.InvariantCulture);
        (bytes / (double)(Count - 200)).ShouldBeLessThan(400);
    }

    [Fact]
    public async Task A_claim_returns_at_most_one_mebibyte_but_always_one_event()
    {
        await PostAsync(Entry("a", payloadBytes: 1 << 20));
        await PostAsync(Entry("b", payloadBytes: 1 << 20));
        for (int i = 0; i < 20; i++) await PostAsync(Entry($"c{i:D2}", payloadBytes: 100 << 10));

        (await ClaimAsync("t1")).Events.Select(e => e.Id).ShouldBe(["a"]);
        TimerClaim second = await ClaimAsync("t2");
        second.Events.Select(e => e.Id).ShouldBe(["b"]);
        second.AskAgainIn.ShouldBe(TimeSpan.Zero);
        (await ClaimAsync("t3")).Events.Count.ShouldBe(10);
        (await ClaimAsync("t4")).Events.Count.ShouldBe(10);
    }

    [Fact]
    public async Task A_claim_takes_back_at_most_200_expired_leases()
    {
        for (int i = 0; i < 3; i++)
        {
            await PostAsync([.. Entries(200).Select(e => e with { Id = $"{i}{e.Id}" })]);
            (await ClaimAsync($"t{i}", node: "gone")).Events.Count.ShouldBe(200);
        }

        Clock.Advance(TimeSpan.FromSeconds(11));
        (await ClaimAsync("u1")).AskAgainIn.ShouldBe(TimeSpan.Zero);
        (await Timers.GetStatsAsync(Partition, CancellationToken.None)).WithoutCounters().ShouldBe(new TimerStats(0, 400, 200, 0, null));
        await ClaimAsync("u2");
        await ClaimAsync("u3");
        (await Timers.GetStatsAsync(Partition, CancellationToken.None)).WithoutCounters().ShouldBe(new TimerStats(0, 0, 600, 0, null));
    }

    [Fact]
    public async Task A_failure_costs_the_same_however_many_came_before_and_ten_are_kept()
    {
        await PostAsync([.. Entries(20).Select(e => e with { MaxRetries = 100 })]);
        var commands = new List<long>();
        for (int attempt = 1; attempt <= 25; attempt++)
        {
            DeliveryKey[] taken = await TakeAsync($"t{attempt}");
            TimerFailure[] failures = [.. taken.Select(key => new TimerFailure(key, "n1", $"error {attempt}", TimeSpan.Zero, DeadLetterReason.Rejected))];
            commands.Add(await CountCommandsAsync(() => Timers.FailAsync(Partition, failures, KeepDeadLetters, CancellationToken.None)));
        }

        commands[2..].ShouldAllBe(count => count == commands[2]);
        TimerSnapshot? seen = await Timers.PeekAsync(Partition, "e000007", CancellationToken.None);
        seen!.Retries.ShouldBe(25);
        seen.Failures.Select(failure => failure.Error).ShouldBe(Enumerable.Range(16, 10).Select(attempt => $"error {attempt}"));
        seen.Failures.Select(failure => failure.Attempt).ShouldBe(Enumerable.Range(16, 10));

        await Timers.ConfirmAsync(Partition, await TakeAsync("last"), CompletedLimits.None, CancellationToken.None);
        (await KeysAsync()).ShouldNotContain(key => key.EndsWith(":past") || key.EndsWith(":tries") || key.EndsWith(":body"));
    }

    [Fact]
    public async Task A_page_is_found_quickly_among_any_number_of_events_due_at_once_though_the_last_one_is_gone()
    {
        await PostManyAsync(Entries(5000, 1000));
        TimerPage first = await Timers.UpcomingAsync(Partition, null, null, null, 100, CancellationToken.None);
        await Timers.CancelAsync(Partition, first.Items[^1].Id, false, CancellationToken.None);

        TimerPage? second = null;
        long commands = await CountCommandsAsync(
            async () => second = await Timers.UpcomingAsync(Partition, null, null, first.Cursor, 100, CancellationToken.None));
        second!.Items.Select(e => e.Id).ShouldBe(Enumerable.Range(100, 100).Select(i => $"e{i:D6}"));
        commands.ShouldBeLessThan(240); // two for each event of the page, some twenty to find it
    }

    [Fact]
    public async Task A_batch_that_is_too_large_is_refused_before_it_is_sent()
    {
        var keys = new DeliveryKey[201];
        await Should.ThrowAsync<ArgumentOutOfRangeException>(() => PostAsync(Entries(201)));
        await Should.ThrowAsync<ArgumentOutOfRangeException>(() => Timers.ConfirmAsync(Partition, keys, CompletedLimits.None, CancellationToken.None));
    }

    [Fact]
    public async Task An_event_takes_less_than_300_bytes_above_its_payload_and_id()
    {
        const int Count = 20_000, Payload = 64, Id = 36;
        string before = await Server.CommandAsync("INFO", "memory");
        await PostManyAsync([.. Enumerable.Range(0, Count).Select(_ => Entry(Guid.NewGuid().ToString(), 60_000, Payload, idIsNew: true))]);
        double bytes = (double)(Used(await Server.CommandAsync("INFO", "memory")) - Used(before)) / Count;
        bytes.ShouldBeLessThan(300 + Payload + Id);

        static long Used(string info) => long.Parse(
            info.Split('\n').First(line => line.StartsWith("used_memory:", StringComparison.Ordinal))["used_memory:".Length..].Trim(),
            System.Globalization.CultureInfo.InvariantCulture);
    }
}
