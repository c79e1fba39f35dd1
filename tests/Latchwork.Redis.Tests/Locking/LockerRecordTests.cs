using System.Globalization;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Locking;

/// <summary>What stands in Redis, and what happens when somebody else changes it.</summary>
public sealed class LockerRecordTests : LockerTest
{
    [Fact]
    public async Task A_key_deleted_under_its_owner_is_the_owners_no_more()
    {
        long first = await TakeAsync("a", "first");
        (await Server.CommandAsync("DEL", Name("a", "lock"), Name("a", "data"))).ShouldBe("1");

        (await RenewAsync("a", first, "first")).ShouldBeFalse();
        (await PublishAsync("a", first, nonce: "first")).ShouldBe(PublishOutcome.Superseded);
        (await ReleaseAsync("a", first, "first")).ShouldBeFalse();
        (await Server.CommandAsync("DBSIZE")).ShouldBe("1", "only the list of namespaces is left: nothing came back to life");
        (await TakeAsync("a", "second")).ShouldBeGreaterThan(first);
    }

    [Fact]
    public async Task Generations_are_the_servers_time_in_microseconds()
    {
        long before = await ServerTimeAsync();
        long fencingToken = await TakeAsync("a");
        fencingToken.ShouldBeInRange(before, await ServerTimeAsync());
    }

    [Fact]
    public async Task A_fencing_token_grows_although_the_stored_one_is_ahead_of_the_clock()
    {
        long ahead = await ServerTimeAsync() + 3_600_000_000;
        await SetRecordAsync("a", $"struct.pack('<BBdd', 2, 0, {ahead}, {ahead})");
        long first = await TakeAsync("a");
        first.ShouldBe(ahead + 1);
        (await ReleaseAsync("a", first)).ShouldBeTrue();
        (await TakeAsync("a")).ShouldBe(ahead + 2);
    }

    /// <summary>Records that this version cannot work with: how each is made, and the words for it.</summary>
    public static TheoryData<string, string> BadRecords => new()
    {
        { "'1 1790000000000000 1790000000000000 1790000005000000 5000000 3600000000 0 5 noncenode'", "format=1;" },
        { "'\\3' .. string.sub(redis.call('GET', KEYS[1]), 2)", "format=3;" },
        { "string.sub(redis.call('GET', KEYS[1]), 1, 40)", "damaged" },
        { "'\\2'", "damaged" },
        { "''", "format=?" },
        { "struct.pack('<BBdd', 2, 0, 1, 1e300)", "damaged" },
        { "struct.pack('<BBdd', 2, 0, 0/0, 1)", "damaged" },
    };

    [Theory]
    [MemberData(nameof(BadRecords))]
    public async Task A_record_that_cannot_be_read_is_refused_by_name_and_left_alone(string record, string words)
    {
        long fencingToken = await TakeAsync("a");
        await PublishAsync("a", fencingToken);
        fencingToken = await TakeAsync("a");
        await SetRecordAsync("a", record);
        string before = await Server.CommandAsync("GET", Name("a", "lock"));

        Func<Task>[] attempts =
        [
            () => RequestAsync("a", Ask("other")), () => RenewAsync("a", fencingToken), () => PublishAsync("a", fencingToken),
            () => ReleaseAsync("a", fencingToken), () => TryGetAsync("a"), () => Locks.ForgetAsync(Key("a"), LockTimeout, default),
            () => Locks.PeekAsync(Key("a"), default),
        ];
        foreach (Func<Task> attempt in attempts)
        {
            LatchworkStoreException refusal = await Should.ThrowAsync<LatchworkStoreException>(attempt);
            refusal.Outcome.ShouldBe(StoreOutcome.NotApplied);
            refusal.Message.ShouldContain(words);
        }

        (await Server.CommandAsync("GET", Name("a", "lock"))).ShouldBe(before);
    }

    [Fact]
    public async Task A_bad_record_in_a_list_costs_its_neighbours_nothing()
    {
        const int Count = 16;
        for (int bad = 0; bad < Count; bad += 5)
        {
            string[] names = [.. Enumerable.Range(0, Count).Select(i => $"list-{bad}-{i}")];
            long[] fencingTokens = await Task.WhenAll(names.Select(name => TakeAsync(name)));
            await SetRecordAsync(names[bad], bad == 0 ? "'\\2'" : "struct.pack('<BBdd', 2, 0, 1, 1e300)");

            // All immediately, so that they go in lists; half of them publish, the others release and ask again.
            Task<bool>[] ends = [.. names.Select(async (name, i) => i % 2 == 0
                ? await PublishAsync(name, fencingTokens[i]) == PublishOutcome.Accepted
                : await ReleaseAsync(name, fencingTokens[i]))];
            Task<LockerReply>[] grants = [.. Enumerable.Range(0, 3).Select(i => RequestAsync($"new-{bad}-{i}", Ask("n")))];
            for (int i = 0; i < Count; i++)
            {
                if (i == bad) (await Should.ThrowAsync<LatchworkStoreException>(ends[i])).Message.ShouldContain("damaged");
                else (await ends[i]).ShouldBeTrue(names[i]);
            }

            foreach (Task<LockerReply> grant in grants) (await grant).ShouldBeOfType<LockGranted>();
        }
    }

    [Fact]
    public async Task Large_outcomes_that_are_asked_for_at_the_same_time_all_arrive()
    {
        byte[] bytes = new byte[400_000];
        new Random(5).NextBytes(bytes);
        string[] names = [.. Enumerable.Range(0, 12).Select(i => $"large-{i}")];
        foreach (string name in names) await PublishAsync(name, await TakeAsync(name), bytes);
        LockerReply[] replies = await Task.WhenAll(names.Select(name => RequestAsync(name, Ask("n"))));
        foreach (LockerReply reply in replies) reply.ShouldBeOfType<LockerOutcome>().Data.Span.SequenceEqual(bytes).ShouldBeTrue();
    }

    [Fact]
    public async Task What_is_published_is_what_it_was_when_it_was_given_although_its_caller_gives_up_and_writes_over_it()
    {
        long token = await TakeAsync("a");
        byte[] bytes = [1, 2, 3];
        using var cancel = new CancellationTokenSource();
        await Server.CommandAsync("REPLICAOF", "127.0.0.1", "1"); // it is refused, and sent again, as long as that lasts
        Task publishing = Locks.PublishAsync(
            Key("a"), new LockerPublication(token, "nonce", LockerOutcomeKind.Value, bytes, TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(2)), cancel.Token);
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => publishing);
        bytes.AsSpan().Fill(9);
        await Server.CommandAsync("REPLICAOF", "NO", "ONE");
        LockerOutcome? outcome = await Eventually.ReadsAsync(() => TryGetAsync("a"), static outcome => outcome is not null, "it is stored after all");
        outcome!.Data.ToArray().ShouldBe([1, 2, 3]);
    }

    [Fact]
    public async Task A_lock_without_an_outcome_takes_little_memory()
    {
        const string Name20 = "order:2026-11-27:001";
        await using var locker = new ProcessLocker(Store);
        await using WorkLease lease = await locker.AcquireAsync(Name20);
        int bytes = int.Parse(await Server.CommandAsync("MEMORY", "USAGE", $"lw:{{l:locker:{Name20}}}:lock"), CultureInfo.InvariantCulture);
        bytes.ShouldBeLessThanOrEqualTo(300);
    }

    [Fact]
    public async Task A_namespace_of_another_format_is_refused_when_it_is_opened()
    {
        await Server.CommandAsync("HSET", "lw:lockers", "future", "3");
        LatchworkStoreException refusal = await Should.ThrowAsync<LatchworkStoreException>(() => Locks.OpenAsync("future", default));
        refusal.Message.ShouldStartWith("The lock namespace '");
        refusal.Message.ShouldContain("format=3");
        (await Server.CommandAsync("HGETALL", "lw:lockers")).ShouldContain(Namespace);
    }

    [Fact]
    public async Task Nothing_remains_when_all_times_are_over()
    {
        TimeSpan blink = TimeSpan.FromMilliseconds(40);
        await TakeAsync("held", lease: blink, lockTimeout: blink);
        await ReleaseAsync("freed", await TakeAsync("freed", lease: blink, lockTimeout: blink));
        await PublishAsync("done", await TakeAsync("done", lease: blink, lockTimeout: blink), freshFor: blink, handOverFor: blink);
        await PublishAsync("spent", await TakeAsync("spent", lease: blink, lockTimeout: blink), freshFor: TimeSpan.Zero, handOverFor: TimeSpan.Zero);
        await TakeAsync("forgotten", lease: blink, lockTimeout: blink);
        await Locks.ForgetAsync(Key("forgotten"), blink, default);

        await Eventually.ReadsAsync(() => Server.CommandAsync("KEYS", "lw:{l:*"), keys => keys.Length == 0, "every key expires");
        (await Server.CommandAsync("KEYS", "*")).ShouldBe("lw:lockers");
    }

    [Fact]
    public async Task Every_key_has_a_life_time_at_each_step()
    {
        long fencingToken = await TakeAsync("a");
        await CheckAsync();
        await RenewAsync("a", fencingToken);
        await CheckAsync();
        await PublishAsync("a", fencingToken);
        await CheckAsync();
        fencingToken = await TakeAsync("a");
        await CheckAsync();
        await ReleaseAsync("a", fencingToken);
        await CheckAsync();
        await TakeAsync("a");
        await Locks.ForgetAsync(Key("a"), LockTimeout, default);
        await CheckAsync();

        async Task CheckAsync()
        {
            foreach (string name in (await Server.CommandAsync("KEYS", "lw:{l:*")).Split('\n'))
                long.Parse(await Server.CommandAsync("PTTL", name), CultureInfo.InvariantCulture).ShouldBeGreaterThan(0, name);
        }
    }

    [Fact]
    public async Task The_bytes_of_an_outcome_go_as_soon_as_nobody_may_have_them()
    {
        long fencingToken = await TakeAsync("a");
        await PublishAsync("a", fencingToken, new byte[1025], freshFor: TimeSpan.Zero, handOverFor: TimeSpan.FromMilliseconds(30));
        await Eventually.ReadsAsync(() => Server.CommandAsync("EXISTS", Name("a", "data")), exists => exists == "0", "the bytes expire");
        (await PublishAsync("a", fencingToken)).ShouldBe(PublishOutcome.Accepted, "the publication is remembered");
        long.Parse(await Server.CommandAsync("PTTL", Name("a", "lock")), CultureInfo.InvariantCulture).ShouldBeGreaterThan(3_500_000);
    }

    [Fact]
    public async Task A_release_does_not_shorten_the_life_of_the_outcome()
    {
        await PublishAsync("a", await TakeAsync("a"), freshFor: TimeSpan.FromHours(8));
        await ReleaseAsync("a", await TakeAsync("a", lockTimeout: TimeSpan.FromMinutes(1)));
        (await TryGetAsync("a")).ShouldNotBeNull();
        long.Parse(await Server.CommandAsync("PTTL", Name("a", "lock")), CultureInfo.InvariantCulture).ShouldBeGreaterThan(7 * 3_600_000);
    }

    [Fact]
    public async Task Any_bytes_up_to_the_limit_come_back_as_they_were()
    {
        byte[] bytes = new byte[Limits.DefaultMaxPayloadBytes];
        new Random(7).NextBytes(bytes);
        await PublishAsync("a", await TakeAsync("a"), bytes);
        (await TryGetAsync("a")).ShouldNotBeNull().Data.Span.SequenceEqual(bytes).ShouldBeTrue();

        await PublishAsync("b", await TakeAsync("b"), []);
        (await TryGetAsync("b")).ShouldNotBeNull().Data.Length.ShouldBe(0);
    }

    [Fact]
    public async Task An_outcome_whose_bytes_were_evicted_is_no_outcome()
    {
        await PublishAsync("a", await TakeAsync("a"), new byte[1025]);
        await Server.CommandAsync("DEL", Name("a", "data"));
        (await TryGetAsync("a")).ShouldBeNull();
        (await Locks.PeekAsync(Key("a"), default)).ShouldBeNull();
        (await RequestAsync("a", Ask("next"))).ShouldBeOfType<LockGranted>();
    }

    [Fact]
    public async Task Flushed_scripts_are_loaded_again_unnoticed()
    {
        long fencingToken = await TakeAsync("a");
        await Server.CommandAsync("SCRIPT", "FLUSH");
        (await RenewAsync("a", fencingToken)).ShouldBeTrue();
        await Server.CommandAsync("SCRIPT", "FLUSH");
        (await PublishAsync("a", fencingToken)).ShouldBe(PublishOutcome.Accepted);
        await Server.CommandAsync("SCRIPT", "FLUSH");
        (await TryGetAsync("a")).ShouldNotBeNull();
    }

    private async Task SetRecordAsync(string key, string record) =>
        await Server.CommandAsync("EVAL", $"return redis.call('SET', KEYS[1], {record})", "1", Name(key, "lock"));

    private async Task<long> ServerTimeAsync()
    {
        string[] time = (await Server.CommandAsync("TIME")).Split('\n');
        return long.Parse(time[0], CultureInfo.InvariantCulture) * 1_000_000 + long.Parse(time[1], CultureInfo.InvariantCulture);
    }
}
