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
        SELECT ids, payloads, headers, retries, max_retries, dues, now_us, ask_us, dead_lettered
        FROM @schema@.timer_claim($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        """;

    internal const string ConfirmCall = "SELECT outcomes, NULL::bigint FROM @schema@.timer_confirm($1, $2, $3, $4, $5)";

    public Task<TimerClaim> ClaimAsync(TimerPartition partition, ClaimRequest request, CancellationToken cancellationToken) =>
        executor.Claims.RunAsync(
            "claim",
            session => session.Read(
                Call(ClaimCall, session, partition)
                    .With(Utf8.Bytes(request.NodeId)).With(Utf8.Bytes(request.ClaimToken)).With(request.Max).With(request.Capacity).With(request.Held)
                    .With(TimerCodec.Microseconds(request.LeaseDuration)).With((long)request.DeadLetters.Retention.TotalMilliseconds)
                    .With((long)request.DeadLetters.MaxCount).With(request.BeginsWithOldest).With(request.Yields),
                ReadClaim),
            cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken) =>
        SettleAsync("confirmation", partition, deliveries, ConfirmCall, cancellationToken);

    public Task<IReadOnlyList<TimerOutcome>> ExtendAsync(TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken)
    {
        if (deliveries.Count == 0) return Task.FromResult<IReadOnlyList<TimerOutcome>>([]);
        return executor.Renewals.RunAsync<IReadOnlyList<TimerOutcome>>(
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
        return ChangeAsync(
            "report of failures",
            partition,
            session => Call("SELECT outcomes, earliest FROM @schema@.timer_fail($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)", session, partition)
                .With(Ids(failures, static one => one.Delivery.Id)).With(Ids(failures, static one => one.Delivery.Token))
                .With(Ids(failures, static one => one.NodeId)).With(Ids(failures, static one => ErrorText.Clip(one.Error)))
                .With([.. failures.Select(static one => one.RetryIn is { } delay ? TimerCodec.Microseconds(delay) : (long?)null)])
                .With([.. failures.Select(static one => (int)one.Reason)]).With([.. failures.Select(static one => one.IsInterruption)])
                .With((long)deadLetters.Retention.TotalMilliseconds).With((long)deadLetters.MaxCount),
            OutcomesAndEarliest,
            cancellationToken);
    }

    internal static SqlStatement Keys(SqlStatement call, IReadOnlyList<DeliveryKey> deliveries) =>
        call.With(Ids(deliveries, static one => one.Id)).With(Ids(deliveries, static one => one.Token));

    private static TimerClaim ReadClaim(NpgsqlDataReader rows)
    {
        if (!rows.Read()) throw new InvalidOperationException("timer_claim gave no row.");
        StoreTime now = Time(rows.GetInt64(6));
        var events = new List<ClaimedEvent>();
        if (!rows.IsDBNull(0))
        {
            byte[][] ids = rows.GetFieldValue<byte[][]>(0), payloads = rows.GetFieldValue<byte[][]>(1);
            byte[]?[] headers = rows.GetFieldValue<byte[]?[]>(2);
            int[] retries = rows.GetFieldValue<int[]>(3), maxRetries = rows.GetFieldValue<int[]>(4);
            long[] dues = rows.GetFieldValue<long[]>(5);
            for (int i = 0; i < ids.Length; i++)
            {
                events.Add(new ClaimedEvent(
                    Utf8.Text(ids[i]), payloads[i], TimerCodec.DecodeHeaders(headers[i]), retries[i], maxRetries[i],
                    DateTimeOffset.FromUnixTimeMilliseconds(dues[i]), now.Since(dues[i])));
            }
        }

        return new TimerClaim(events, TimeSpan.FromMicroseconds(rows.GetInt64(7))) { DeadLettered = rows.GetInt32(8) };
    }

    private Task<IReadOnlyList<TimerOutcome>> SettleAsync(
        string name, TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, string call, CancellationToken cancellationToken) =>
        deliveries.Count == 0
            ? Task.FromResult<IReadOnlyList<TimerOutcome>>([])
            : ChangeAsync(name, partition, session => Keys(Call(call, session, partition), deliveries), OutcomesAndEarliest, cancellationToken);
}
