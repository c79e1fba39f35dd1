using System.Collections.Concurrent;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Transactions;

/// <summary>Confirming in the application's own transactions, together with what a handler writes.</summary>
public sealed class TransactionConfirmTests(PostgresFixture fixture) : TransactionTestBase(fixture)
{
    [Fact]
    public async Task An_occurrence_that_was_confirmed_in_a_transaction_is_not_shown_as_running_for_ever()
    {
        await _timer.Schedules.AddOrUpdateAsync("a", Schedule.Cron("0 0 1 1 *"), "x"u8.ToArray());
        await _timer.Schedules.TriggerAsync("a");
        await _timer.JoinAsync(async (delivery, cancellationToken) =>
        {
            await using NpgsqlConnection connection = await _database.OpenConnectionAsync(cancellationToken);
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
            await delivery.ConfirmAsync(transaction, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        });

        ScheduleOccurrence shown = (await Eventually.ReadsAsync(
            async () => (await _timer.Schedules.GetAsync("a"))?.History.Single(), one => one?.Outcome == OccurrenceOutcome.Ended, "a sweep has closed it"))!;
        (shown.StartedAt is not null, shown.EndedAt).ShouldBe((true, null));
    }

    [Fact]
    public async Task Effects_and_confirmations_are_committed_together_whatever_goes_wrong()
    {
        const int Events = 60;
        var attempts = new ConcurrentDictionary<string, int>();
        DistributedTimer listener = NewTimer();
        await listener.JoinAsync(async (delivery, token) =>
        {
            int attempt = attempts.AddOrUpdate(delivery.Id, 1, static (_, before) => before + 1);
            await using NpgsqlConnection connection = await _database.OpenConnectionAsync(token);
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(token);
            await WriteAsync(transaction, $"INSERT INTO {_table} VALUES ('{delivery.Id}')");
            if (attempt == 1 && delivery.Id.EndsWith('1')) throw new TimeoutException("before the confirmation");
            await delivery.ConfirmAsync(transaction, token);
            if (attempt == 1 && delivery.Id.EndsWith('2')) throw new TimeoutException("between the confirmation and the commit");
            await transaction.CommitAsync(token);
            if (attempt == 1 && delivery.Id.EndsWith('3')) throw new TimeoutException("after the commit");
        });
        await _timer.PostAsync([.. Enumerable.Range(0, Events).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"{i}", MaxRetries = 3 }))]);
        await Eventually.ReadsAsync(() => _timer.GetStatsAsync(), stats => stats is { Scheduled: 0, InFlight: 0, DeadLetters: 0 }, "everything is confirmed");
        (await AskAsync<long>($"SELECT count(*) FROM {_table}")).ShouldBe(Events);
        (await AskAsync<long>($"SELECT count(DISTINCT id) FROM {_table}")).ShouldBe(Events);
        attempts.ShouldAllBe(pair => pair.Value == (pair.Key.EndsWith('1') || pair.Key.EndsWith('2') ? 2 : 1));
        _errors.ShouldAllBe(error => error is TimeoutException);
    }

    [Fact]
    public async Task A_delivery_that_was_replaced_cannot_be_confirmed_and_its_transaction_is_told()
    {
        var replaced = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var thrown = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        DistributedTimer listener = NewTimer();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await listener.JoinAsync(async (delivery, _) =>
        {
            begun.TrySetResult();
            await replaced.Task;
            await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
            thrown.TrySetResult(await Should.ThrowAsync<LeaseLostException>(() => delivery.ConfirmAsync(transaction)));
        });
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "a" });
        await begun.Task.WaitAsync(_timeout);
        (await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "a" })).Outcome.ShouldBe(PostOutcome.Replaced);
        replaced.SetResult();
        (await thrown.Task.WaitAsync(_timeout)).Message.ShouldContain("'a'");
        (await _timer.PeekAsync("a"))!.State.ShouldBe(TimerState.Scheduled);
    }

    [Fact]
    public async Task The_line_of_a_confirmation_comes_with_the_transaction_which_locks_no_line_of_another_id()
    {
        var partition = new TimerPartition(_ns, 0);
        var keep = new CompletedLimits(TimeSpan.FromDays(1), 2);
        await _timer.PostAsync([.. Enumerable.Range(0, 5).Select(i => new TimerPost("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = $"e{i}" }))]);
        TimerClaim claim = await _store.Timers.ClaimAsync(
            partition, new ClaimRequest("n1", "t1", 5, 5, 0, TimeSpan.FromMinutes(5), new(TimeSpan.FromDays(1), 10)), CancellationToken.None);
        claim.Events.Count.ShouldBe(5);
        await _store.Timers.ConfirmAsync(partition, [new("e0", "t1"), new("e1", "t1")], keep, CancellationToken.None);
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync())
        {
            (await _store.TimerTransactions.ConfirmAsync(transaction, partition, new DeliveryKey("e2", "t1"), keep, CancellationToken.None)).ShouldBe(TimerOutcome.Done);
            (await _timer.PeekAsync("e2"))!.State.ShouldBe(TimerState.InFlight, "nobody sees what is not committed");
            await transaction.RollbackAsync();
        }

        (await CompletedIdsAsync()).ShouldBe(["e0", "e1"]);
        await using (NpgsqlTransaction transaction = await connection.BeginTransactionAsync())
        {
            await _store.TimerTransactions.ConfirmAsync(transaction, partition, new DeliveryKey("e2", "t1"), keep, CancellationToken.None);

            // Whatever is too much goes with the confirmation of another, while the transaction is open: it waits for nothing.
            (await _store.Timers.ConfirmAsync(partition, [new("e3", "t1")], keep, CancellationToken.None)).ShouldBe([TimerOutcome.Done]);
            (await CompletedIdsAsync()).Count.ShouldBe(2);
            await transaction.CommitAsync();
        }

        (await CompletedIdsAsync()).ShouldContain("e2");
        (await _timer.PeekAsync("e2"))!.ShouldSatisfyAllConditions(line => line.State.ShouldBe(TimerState.Completed), line => line.Outcome.ShouldBe(CompletedOutcome.Succeeded));
        await _store.Timers.ConfirmAsync(partition, [new("e4", "t1")], keep, CancellationToken.None);
        (await CompletedIdsAsync()).Count.ShouldBe(2, "what the transaction left over went with the next confirmation");

        async Task<List<string>> CompletedIdsAsync()
        {
            var ids = new List<string>();
            await foreach (TimerSnapshot line in _timer.CompletedAsync()) ids.Add(line.Id);
            return [.. ids.Order()];
        }
    }

    [Fact]
    public async Task While_the_transaction_of_a_confirmation_is_open_nobody_takes_the_event_even_after_its_lease()
    {
        var timers = _store.Timers;
        var partition = new TimerPartition(_ns, 0);
        await _timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero, new() { Id = "a", MaxRetries = 5 });
        (await ClaimAsync("t1", TimeSpan.FromMilliseconds(50))).Events.Count.ShouldBe(1);
        await using NpgsqlConnection connection = await _database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        (await _store.TimerTransactions.ConfirmAsync(transaction, partition, new DeliveryKey("a", "t1"), CompletedLimits.None, CancellationToken.None)).ShouldBe(TimerOutcome.Done);
        var taken = new List<ClaimedEvent>();
        await Eventually.ReadsAsync(
            async () =>
            {
                TimerClaim claim = await ClaimAsync(Guid.NewGuid().ToString(), TimeSpan.FromSeconds(10));
                taken.AddRange(claim.Events);
                return claim;
            },
            static claim => claim.AskAgainIn > TimeSpan.FromMilliseconds(150),
            "nothing spins on what it may not have");
        taken.ShouldBeEmpty();
        await transaction.RollbackAsync();
        await Eventually.ReadsAsync(() => ClaimAsync(Guid.NewGuid().ToString(), TimeSpan.FromSeconds(10)), claim => claim.Events.Count == 1, "then it comes again");

        Task<TimerClaim> ClaimAsync(string token, TimeSpan lease) => timers.ClaimAsync(
            partition, new ClaimRequest("n1", token, 10, 10, 0, lease, new DeadLetterLimits(TimeSpan.FromDays(1), 100)), CancellationToken.None);
    }
}
