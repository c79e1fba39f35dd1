using Latchwork.Postgres.Connections;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Npgsql;

namespace Latchwork.Postgres.Timers;

/// <content>Posting, cancelling, changing the delay.</content>
internal sealed partial class PostgresTimerStore
{
    internal const string PostCall = "SELECT outcomes, earliest FROM @schema@.timer_post($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    internal const string CancelCall = "SELECT outcome, was_dead FROM @schema@.timer_cancel($1, $2, $3, $4, $5)";
    internal const string ChangeDelayCall = "SELECT outcome, earliest FROM @schema@.timer_change_delay($1, $2, $3, $4, $5, $6)";

    public Task<IReadOnlyList<PostOutcome>> PostAsync(TimerPartition partition, IReadOnlyList<TimerEntry> entries, CancellationToken cancellationToken)
    {
        if (entries.Count == 0) return Task.FromResult<IReadOnlyList<PostOutcome>>([]);
        var own = new Entries(entries); // the caller may write over its arrays
        return ChangeAsync("post", partition, session => own.AddTo(Call(PostCall, session, partition).With(false)), PostOutcomes, cancellationToken);
    }

    public async Task<TimerOutcome> CancelAsync(TimerPartition partition, string id, bool revoke, CancellationToken cancellationToken)
    {
        (TimerOutcome outcome, bool wasDead) = await ChangeAsync(
            "cancellation",
            partition,
            session => Call(CancelCall, session, partition).With(Utf8.Bytes(id)).With(revoke),
            static rows => ((Outcome(rows), rows.GetBoolean(1)), (long?)null),
            cancellationToken).ConfigureAwait(false);
        if (outcome == TimerOutcome.Done && !wasDead && OccurrenceId.Is(id)) await _schedules.EndedAsync(partition, [id], OccurrenceOutcome.Cancelled).ConfigureAwait(false);
        return outcome;
    }

    public Task<TimerOutcome> ChangeDelayAsync(TimerPartition partition, string id, Due due, CancellationToken cancellationToken) =>
        ChangeAsync(
            "change of a delay",
            partition,
            session => Call(ChangeDelayCall, session, partition).With(false).With(Utf8.Bytes(id)).With(TimerCodec.Encode(due)),
            static rows => (Outcome(rows), rows.IsDBNull(1) ? (long?)null : rows.GetInt64(1)),
            cancellationToken);

    internal static (IReadOnlyList<PostOutcome> Outcomes, long? Earliest) PostOutcomes(NpgsqlDataReader rows) =>
        (Array.ConvertAll(Numbers(rows), static outcome => (PostOutcome)outcome), rows.IsDBNull(1) ? null : rows.GetInt64(1));

    internal static TimerOutcome Outcome(NpgsqlDataReader rows) => (TimerOutcome)rows.GetInt32(0);

    /// <summary>Events as arrays, one a column.</summary>
    internal sealed class Entries(IReadOnlyList<TimerEntry> entries)
    {
        private readonly byte[][] _ids = Ids(entries, static entry => entry.Id);
        private readonly long[] _dues = [.. entries.Select(static entry => TimerCodec.Encode(entry.Due))];
        private readonly int[] _maxRetries = [.. entries.Select(static entry => entry.MaxRetries)];
        private readonly int[] _ifExists = [.. entries.Select(static entry => (int)entry.IfExists)];
        private readonly byte[]?[] _headers = [.. entries.Select(static entry => EventCodec.Encode(entry.Headers))];
        private readonly byte[][] _payloads = [.. entries.Select(static entry => entry.Payload.ToArray())];

        public SqlStatement AddTo(SqlStatement call) => call.With(_ids).With(_dues).With(_maxRetries).With(_ifExists).With(_headers).With(_payloads);
    }
}
