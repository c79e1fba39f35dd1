using Latchwork.Postgres.Connections;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Npgsql;

namespace Latchwork.Postgres.Timers;

/// <content>Claiming, and what ends or prolongs a delivery.</content>
internal sealed partial class PostgresTimerStore
{
    private const string ClaimCall =
        """
        SELECT ids, payloads, headers, retries, max_retries, dues, now_us, ask_us, dead_lettered, pause, ended, firsts, offset_us, is_cut
        FROM @schema@.timer_claim($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
        """;

    /// <summary>How long a row is waited for that was waited for before, in ms.</summary>
    private const int WaitAgain = 10;

    internal const string ConfirmCall = "SELECT outcomes, NULL::bigint FROM @schema@.timer_confirm($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    public async Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken)
    {
        (TimerClaim claim, string[] ended) = await ClaimCoreAsync(partition, request, cancellationToken).ConfigureAwait(false);
        if (ended.Length > 0) await _schedules.EndedAsync(partition, ended, OccurrenceOutcome.DeadLettered).ConfigureAwait(false);
        return claim;
    }

    private Task<(TimerClaim Claim, string[] Ended)> ClaimCoreAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken) =>
        _executor.Claims.RunAsync(
            "claim",
            session => session.Read(
                Call(ClaimCall, session, partition)
                    .With(Utf8.Bytes(request.NodeId)).With(Utf8.Bytes(request.ClaimToken)).With(request.Max).With(request.Capacity).With(request.Held)
                    .With(TimerCodec.Microseconds(request.LeaseDuration)).With((long)request.DeadLetters.Retention.TotalMilliseconds)
                    .With((long)request.DeadLetters.MaxCount).With(request.BeginsWithOldest).With(request.Yields)
                    .With(RetentionOf(request.Completed)).With((long)request.Completed.MaxCount).With(request.MaxLastAttempts ?? Limits.MaxBatch),
                ReadClaim),
            cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(
        TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CompletedLimits completed, CancellationToken cancellationToken) =>
        NoteEndsAsync(
            partition,
            deliveries,
            static one => one.Id,
            (TimerOutcome.Done, OccurrenceOutcome.Succeeded),
            SettleAsync(
                "confirmation",
                partition,
                deliveries,
                (session, some, wait) => Completed(Keys(Call(ConfirmCall, session, partition, wait), some), completed).With(true),
                cancellationToken));

    public Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken)
    {
        if (deliveries.Count == 0) return Task.FromResult<IReadOnlyList<TimerOutcome>>([]);
        return _executor.Renewals.RunAsync<IReadOnlyList<TimerOutcome>>(
            "extension of leases",
            session => session.Read(
                Keys(Call("SELECT outcomes FROM @schema@.timer_extend($1, $2, $3, $4, $5, $6)", session, partition), deliveries).With(TimerCodec.Microseconds(lease)),
                static rows => rows.Read() ? Outcomes(rows) : throw new InvalidOperationException("timer_extend gave no row.")),
            cancellationToken);
    }

    public Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        SettleAsync("release", partition, deliveries, "SELECT outcomes, earliest FROM @schema@.timer_release($1, $2, $3, $4, $5)", cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> FailAsync(
        TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken)
    {
        if (failures.Count == 0) return Task.FromResult<IReadOnlyList<TimerOutcome>>([]);
        return NoteEndsAsync(partition, failures, static one => one.Delivery.Id, (TimerOutcome.DeadLettered, OccurrenceOutcome.DeadLettered), SettleAsync(
            "report of failures",
            partition,
            failures,
            (session, some, wait) => Call("SELECT outcomes, earliest FROM @schema@.timer_fail($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)", session, partition, wait)
                .With(Ids(some, static one => one.Delivery.Id)).With(Ids(some, static one => one.Delivery.Token))
                .With(Ids(some, static one => one.NodeId)).With(Ids(some, static one => ErrorText.Clip(one.Error)))
                .With([.. some.Select(static one => one.RetryIn is { } delay ? TimerCodec.Microseconds(delay) : (long?)null)])
                .With([.. some.Select(static one => (int)one.Reason)]).With([.. some.Select(static one => one.IsInterruption)])
                .With((long)deadLetters.Retention.TotalMilliseconds).With((long)deadLetters.MaxCount),
            cancellationToken));
    }

    /// <summary>Of occurrences that have ended it is noted in their schedules, by a step of its own: nothing needs it to be done (see <see cref="IScheduleStore"/>).</summary>
    private async Task<IReadOnlyList<TimerOutcome>> NoteEndsAsync<T>(
        TimerPartition partition, IReadOnlyList<T> items, Func<T, string> idOf, (TimerOutcome If, OccurrenceOutcome As) end, Task<IReadOnlyList<TimerOutcome>> settling)
    {
        IReadOnlyList<TimerOutcome> outcomes = await settling.ConfigureAwait(false);
        if (OccurrenceId.EndedAmong(items, idOf, outcomes, end.If) is { } ended) await _schedules.EndedAsync(partition, ended, end.As).ConfigureAwait(false);
        return outcomes;
    }

    /// <summary>What a confirmation keeps.</summary>
    internal static SqlStatement Completed(SqlStatement call, CompletedLimits completed) =>
        call.With(RetentionOf(completed)).With((long)completed.MaxCount).With((int)completed.Outcome);

    // What is kept at all is kept for a millisecond at least: zero would say that nothing is.
    private static long RetentionOf(CompletedLimits completed) => completed.Keeps ? Math.Max(1, (long)completed.Retention.TotalMilliseconds) : 0;

    internal static SqlStatement Keys(SqlStatement call, IReadOnlyList<DeliveryKey> deliveries) =>
        call.With(Ids(deliveries, static one => one.Id)).With(Ids(deliveries, static one => one.Token));

    private static (TimerClaim Claim, string[] Ended) ReadClaim(NpgsqlDataReader rows)
    {
        if (!rows.Read()) throw new InvalidOperationException("timer_claim gave no row.");
        StoreTime now = Time(rows.GetInt64(6), rows.GetInt64(12));
        var events = new List<ClaimedEvent>();
        if (!rows.IsDBNull(0))
        {
            byte[][] ids = rows.GetFieldValue<byte[][]>(0), payloads = rows.GetFieldValue<byte[][]>(1);
            byte[]?[] headers = rows.GetFieldValue<byte[]?[]>(2);
            int[] retries = rows.GetFieldValue<int[]>(3), maxRetries = rows.GetFieldValue<int[]>(4);
            long[] dues = rows.GetFieldValue<long[]>(5);
            long?[] firsts = rows.GetFieldValue<long?[]>(11);
            long claimedAt = rows.GetInt64(6);
            for (int i = 0; i < ids.Length; i++)
            {
                events.Add(new ClaimedEvent(
                    Utf8.Text(ids[i]), payloads[i], EventCodec.DecodeHeaders(headers[i]), retries[i], maxRetries[i],
                    now.Show(dues[i]), now.Since(dues[i]))
                {
                    FirstClaimedAt = firsts[i] is { } us && us != claimedAt ? Time(us, rows.GetInt64(12)).ToDateTimeOffset() : null,
                });
            }
        }

        string[] ended = rows.IsDBNull(10) ? [] : Array.ConvertAll(rows.GetFieldValue<byte[][]>(10), Utf8.Text);
        return (new TimerClaim(events, TimeSpan.FromMicroseconds(rows.GetInt64(7))) { DeadLettered = rows.GetInt32(8), Pause = ReadPause(rows, 9), IsCut = rows.GetBoolean(13) }, ended);
    }

    private Task<IReadOnlyList<TimerOutcome>> SettleAsync(
        string name, TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, string call, CancellationToken cancellationToken) =>
        deliveries.Count == 0
            ? Task.FromResult<IReadOnlyList<TimerOutcome>>([])
            : SettleAsync(name, partition, deliveries, (session, some, wait) => Keys(Call(call, session, partition, wait), some), cancellationToken);

    /// <summary>
    /// Ends deliveries. If the row of one stays locked by an open transaction (which has replaced, removed or confirmed the event), the others are ended one
    /// by one, and that one is stale: if the transaction is rolled back after all, the event comes again when its lease runs out.
    /// </summary>
    private Task<IReadOnlyList<TimerOutcome>> SettleAsync<T>(
        string name, TimerPartition partition, IReadOnlyList<T> items, Func<SqlSession, IReadOnlyList<T>, int, SqlStatement> statement, CancellationToken cancellationToken) =>
        _executor.Work.RunAsync<IReadOnlyList<TimerOutcome>>(
            name,
            session =>
            {
                try
                {
                    return Settle(session, partition, statement(session, items, _settings.LockWait));
                }
                catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
                {
                    return [.. items.Select(item => SettleOne(session, partition, statement(session, [item], WaitAgain)))];
                }
            },
            cancellationToken);

    private TimerOutcome SettleOne(SqlSession session, TimerPartition partition, SqlStatement statement)
    {
        try
        {
            return Settle(session, partition, statement)[0];
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            return TimerOutcome.Stale;
        }
    }

    private IReadOnlyList<TimerOutcome> Settle(SqlSession session, TimerPartition partition, SqlStatement statement)
    {
        (IReadOnlyList<TimerOutcome> outcomes, long? earliest) =
            session.Read(statement, static rows => rows.Read() ? OutcomesAndEarliest(rows) : throw new InvalidOperationException("The function gave no row."));
        if (earliest is { } due) Wake(session, partition, due);
        return outcomes;
    }
}
