using Latchwork.Storage;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Transactions;

/// <summary>Claims do not go through what is over: they search from where the first event can be, and miss none that comes before it later.</summary>
public sealed class SearchTests(PostgresFixture fixture) : TransactionTestBase(fixture)
{
    private static readonly DeadLetterLimits _deadLetters = new(TimeSpan.FromDays(1), 1_000);

    private TimerPartition Partition => new(_ns, 0);

    [Fact]
    public async Task While_a_transaction_holds_back_vacuum_a_claim_does_not_go_through_what_is_over()
    {
        const int Over = 1_000;
        var kept = new CompletedLimits(TimeSpan.FromDays(1), 50);
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "first" }); // which makes the namespace
        (await ClaimAsync("t0")).Events.Single().Id.ShouldBe("first");
        await using NpgsqlConnection old = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction snapshot = await old.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead);
        await WriteAsync(snapshot, "SELECT txid_current()");
        await _timer.PostAsync([.. Enumerable.Range(0, Over).Select(static i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"over {i}" }))]);
        for (int i = 0; i < Over / Limits.MaxBatch; i++)
        {
            TimerClaim claim = await ClaimAsync($"t{i + 1}", completed: kept);
            await _store.Timers.ConfirmAsync(Partition, [.. claim.Events.Select(e => new DeliveryKey(e.Id, $"t{i + 1}"))], kept, CancellationToken.None);
        }

        (await _timer.GetStatsAsync()).Scheduled.ShouldBe(0);
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "last" });

        // The rows that are over are still in the indexes, and would be found one by one.
        int number = await AskAsync<int>($"SELECT id FROM {_fixture.Schema}.timer_partitions WHERE namespace = convert_to('{_ns}', 'UTF8')");
        await InTransactionAsync(async transaction =>
        {
            (await ReadAsync(transaction, $"SELECT cardinality(ids) FROM {_fixture.Schema}.timer_claim({number}, NULL, 1000, 'n', 'last', 1, 1, 0, 10000000, 86400000, 10, true, false, 86400000, 50, 200)")).ShouldBe(1);
            foreach (string index in (string[])["timer_events_scheduled", "timer_events_in_flight"]) (await FoundAsync(index)).ShouldBeLessThan(20, index);

            // A claim passes once what those before it have trimmed from the history, and no confirmation after it does.
            int before = await FoundAsync("timer_completed_by_time");
            (await ReadAsync(transaction, $"SELECT outcomes[1] FROM {_fixture.Schema}.timer_confirm({number}, NULL, 1000, ARRAY['last'::bytea], ARRAY['last'::bytea], 86400000, 50, 0, true)")).ShouldBe(0);
            (await FoundAsync("timer_completed_by_time") - before).ShouldBeLessThan(Limits.MaxBatch, "those of the same millisecond at most");

            Task<int> FoundAsync(string index) => ReadAsync(transaction, $"SELECT pg_stat_get_xact_tuples_returned('{_fixture.Schema}.{index}'::regclass)::integer");
        });
    }

    [Theory]
    [InlineData("post")]
    [InlineData("delay")]
    [InlineData("release")]
    [InlineData("retry")]
    [InlineData("interruption")]
    [InlineData("requeue")]
    [InlineData("lease")]
    [InlineData("trigger")]
    public async Task What_is_scheduled_before_the_place_where_claims_search_is_claimed_next(string how)
    {
        // Something is claimed, and waits to come back; something that is due later is the first that is left.
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "a" });
        TimeSpan lease = how == "lease" ? TimeSpan.FromMilliseconds(1) : TimeSpan.FromMinutes(5);
        (await ClaimAsync("t1", lease)).Events.Single().Id.ShouldBe("a");
        var key = new DeliveryKey("a", "t1");
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "later" });
        if (how == "requeue") await _store.Timers.FailAsync(Partition, [new(key, "n1", "no", null, DeadLetterReason.Rejected)], _deadLetters, CancellationToken.None);
        if (how == "trigger") await _timer.Schedules.AddOrUpdateAsync("s", Schedule.Every(TimeSpan.FromDays(1)), "{}"u8.ToArray());

        // Decided before, committed after the claim that found nothing else.
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        TransactionalTimer inside = _timer.WithTransaction(transaction);
        if (how == "post") await inside.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "early" });
        if (how == "delay") (await inside.ChangeDelayAsync("later", TimeSpan.Zero)).ShouldBe(TimerOutcome.Done);
        if (how != "lease") (await ClaimAsync("t2")).Events.ShouldBeEmpty();
        await transaction.CommitAsync();

        switch (how)
        {
            case "release":
                (await _store.Timers.ReleaseAsync(Partition, [key], CancellationToken.None)).ShouldBe([TimerOutcome.Done]);
                break;
            case "retry" or "interruption":
                var failure = new TimerFailure(key, "n1", "no", TimeSpan.Zero, DeadLetterReason.RetriesExhausted) { IsInterruption = how == "interruption" };
                (await _store.Timers.FailAsync(Partition, [failure], _deadLetters, CancellationToken.None)).ShouldBe([TimerOutcome.Done]);
                break;
            case "requeue":
                (await _timer.DeadLetters.RequeueAsync("a")).ShouldBe(TimerOutcome.Done);
                break;
            case "trigger":
                (await _timer.Schedules.TriggerAsync("s")).Outcome.ShouldBe(TriggerOutcome.Triggered);
                break;
        }

        if (how != "lease") (await _timer.GetStatsAsync()).OldestOverdue.ShouldNotBeNull(how); // what is in flight is not overdue
        (await ClaimAsync("t3")).Events.Count.ShouldBe(1, how);
    }

    [Fact]
    public async Task What_somebody_has_made_due_earlier_by_hand_is_found_within_a_minute()
    {
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" });
        (await ClaimAsync("t1")).Events.ShouldBeEmpty();
        await RunAsync($"UPDATE {_fixture.Schema}.timer_events SET due = 1 WHERE id = 'a' AND partition_id = (SELECT id FROM {_fixture.Schema}.timer_partitions WHERE namespace = convert_to('{_ns}', 'UTF8'))");
        (await ClaimAsync("t2")).Events.ShouldBeEmpty();
        await RunAsync($"UPDATE {_fixture.Schema}.timer_partitions SET swept = 0 WHERE namespace = convert_to('{_ns}', 'UTF8')"); // a minute passes
        (await ClaimAsync("t3")).Events.Single().Id.ShouldBe("a");
    }

    private Task<TimerClaim> ClaimAsync(string token, TimeSpan? lease = null, CompletedLimits? completed = null) => _store.Timers.ClaimAsync(
        Partition,
        new ClaimRequest("n1", token, Limits.MaxBatch, Limits.MaxBatch, 0, lease ?? TimeSpan.FromMinutes(5), _deadLetters) { Completed = completed ?? CompletedLimits.None },
        CancellationToken.None);

#pragma warning disable CA2100 // the statements are these tests' own
    private static async Task<int> ReadAsync(NpgsqlTransaction transaction, string statement)
    {
        await using var command = new NpgsqlCommand(statement, transaction.Connection, transaction);
        return (int)(await command.ExecuteScalarAsync())!;
    }
#pragma warning restore CA2100
}
