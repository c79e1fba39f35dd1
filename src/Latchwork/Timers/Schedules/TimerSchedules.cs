using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>
/// The recurring schedules of a namespace. A schedule is a stored record; each occurrence is an ordinary event of the namespace, which the node that listens gets like
/// any other, once, however many nodes declared the schedule.
/// </summary>
public sealed partial class TimerSchedules
{
    /// <summary>How often a change is computed anew because another came first.</summary>
    private const int MaxAttempts = 8;

    private readonly ITimerStore _store;
    private readonly PartitionClients _clients;
    private readonly TimerSettings _settings;

    internal TimerSchedules(ITimerStore store, PartitionClients clients, TimerSettings settings) => (_store, _clients, _settings) = (store, clients, settings);

    /// <summary>Whether the store keeps schedules.</summary>
    internal bool IsKept => _store.Schedules is not null;

    /// <summary>
    /// Declares a schedule: creates it, or changes it if it is declared differently. Twenty nodes that declare the same at their start make one schedule; a declaration
    /// that is stored already changes nothing. A pause stays. Changes count from the next occurrence on.
    /// </summary>
    /// <param name="id">The schedule's id: 1 to 480 bytes of UTF-8, without U+001F.</param>
    /// <param name="schedule">When it recurs.</param>
    /// <param name="payload">The bytes of each occurrence: at most <see cref="TimerOptions.MaxPayloadBytes"/>.</param>
    /// <param name="options">Policies, retries, headers, revision; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>What was done, and the next time.</returns>
    /// <exception cref="ArgumentException">An argument is out of its bounds, or the schedule has no time any more; nothing was sent, or written.</exception>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer, or others changed the schedule eight times in the meantime.</exception>
    public Task<ScheduleResult> AddOrUpdateAsync(
        string id, Schedule schedule, ReadOnlyMemory<byte> payload, ScheduleOptions? options = null, CancellationToken cancellationToken = default) =>
        AddOrUpdateAsync(id, Declare(id, schedule, payload, options, isDeclared: false), cancellationToken);

    /// <inheritdoc cref="AddOrUpdateAsync(string, Schedule, ReadOnlyMemory{byte}, ScheduleOptions?, CancellationToken)"/>
    public Task<ScheduleResult> AddOrUpdateAsync(string id, Schedule schedule, byte[] payload, ScheduleOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(payload);
        return AddOrUpdateAsync(id, schedule, new ReadOnlyMemory<byte>(payload), options, cancellationToken);
    }

    /// <summary>Declares a schedule whose payload is written as JSON; bytes, however they are held, are taken as they are.</summary>
    /// <inheritdoc cref="AddOrUpdateAsync(string, Schedule, ReadOnlyMemory{byte}, ScheduleOptions?, CancellationToken)"/>
    /// <typeparam name="T">The value's type. Its name is not stored.</typeparam>
    /// <param name="id">The schedule's id: 1 to 480 bytes of UTF-8, without U+001F.</param>
    /// <param name="schedule">When it recurs.</param>
    /// <param name="value">The value.</param>
    /// <param name="options">Policies, retries, headers, revision; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    [RequiresUnreferencedCode(PayloadSerializer.UsesReflection)]
    [RequiresDynamicCode(PayloadSerializer.UsesDynamicCode)]
    public Task<ScheduleResult> AddOrUpdateAsync<T>(string id, Schedule schedule, T value, ScheduleOptions? options = null, CancellationToken cancellationToken = default) =>
        AddOrUpdateAsync(id, schedule, RawBytes.TryGet(value, out ReadOnlyMemory<byte> bytes) ? bytes : PayloadSerializer.Write(value, _settings.Json), options, cancellationToken);

    /// <summary>Declares a schedule whose payload is written as JSON, without reflection.</summary>
    /// <inheritdoc cref="AddOrUpdateAsync{T}(string, Schedule, T, ScheduleOptions?, CancellationToken)"/>
    /// <typeparam name="T">The value's type. Its name is not stored.</typeparam>
    /// <param name="id">The schedule's id: 1 to 480 bytes of UTF-8, without U+001F.</param>
    /// <param name="schedule">When it recurs.</param>
    /// <param name="typeInfo">How to write the value.</param>
    /// <param name="value">The value.</param>
    /// <param name="options">Policies, retries, headers, revision; null for the defaults.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    public Task<ScheduleResult> AddOrUpdateAsync<T>(
        string id, Schedule schedule, JsonTypeInfo<T> typeInfo, T value, ScheduleOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return AddOrUpdateAsync(id, schedule, new ReadOnlyMemory<byte>(PayloadSerializer.Write(value, typeInfo)), options, cancellationToken);
    }

    /// <summary>Looks at a schedule.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The schedule, or null if it is unknown.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    public async Task<ScheduleSnapshot?> GetAsync(string id, CancellationToken cancellationToken = default)
    {
        ScheduleReader.CheckId(id);
        return await ReadAsync(id, cancellationToken).ConfigureAwait(false) is ({ } record, _, _) ? ScheduleView.Of(record) : null;
    }

    /// <summary>Lists the schedules in order of their ids, in pages, for any number of them.</summary>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <returns>The schedules.</returns>
    /// <exception cref="LatchworkStoreException">The store did not answer.</exception>
    public IAsyncEnumerable<ScheduleSnapshot> ListAsync(CancellationToken cancellationToken = default) => ListCoreAsync(cancellationToken);

    /// <summary>
    /// Removes a schedule, and its occurrence that has not begun. One that has begun continues: it is handled to its end, retries included.
    /// </summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>Whether there was one.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer.</exception>
    public async Task<bool> RemoveAsync(string id, CancellationToken cancellationToken = default)
    {
        ScheduleReader.CheckId(id);
        return await RemoveAsync(id, version: null, cancellationToken).ConfigureAwait(false) == ScheduleRemoval.Removed;
    }

    /// <summary>
    /// Pauses a schedule: its occurrence that has not begun goes, and times that pass are not missed but skipped. One that has begun continues. It stays paused, also when
    /// it is declared anew, until it is resumed.
    /// </summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>Whether there is one.</returns>
    /// <exception cref="LatchworkStoreException">The store refused or did not answer, or others changed the schedule eight times in the meantime.</exception>
    public Task<bool> PauseAsync(string id, CancellationToken cancellationToken = default) => SetPausedAsync(id, isPaused: true, cancellationToken);

    /// <summary>Resumes a schedule: its next occurrence is at its next time from now on.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>Whether there is one.</returns>
    /// <exception cref="LatchworkStoreException">
    /// The store refused or did not answer; others changed the schedule eight times in the meantime; or the schedule cannot be evaluated here.
    /// </exception>
    public Task<bool> ResumeAsync(string id, CancellationToken cancellationToken = default) => SetPausedAsync(id, isPaused: false, cancellationToken);

    /// <summary>
    /// Runs a schedule now, beside the chain of its times, which continues as it is; also if it is paused. While another occurrence is in flight or waits for a retry,
    /// <see cref="ScheduleOptions.Overlap"/> decides.
    /// </summary>
    /// <param name="id">Its id.</param>
    /// <param name="cancellationToken">A token that cancels the wait. What was sent may still take effect.</param>
    /// <returns>What was done, and the id of the event.</returns>
    /// <exception cref="LatchworkStoreException">
    /// The store refused or did not answer; others changed the schedule eight times in the meantime; or the schedule cannot be evaluated here.
    /// </exception>
    public async Task<TriggerResult> TriggerAsync(string id, CancellationToken cancellationToken = default)
    {
        ScheduleReader.CheckId(id);
        (ScheduleRecord? record, DateTimeOffset now, PartitionClient? client) = await ReadAsync(id, cancellationToken).ConfigureAwait(false);
        string occurrence = $"{id}{OccurrenceId.Separator}+{NewIncarnation()}";
        var scheduledFor = DateTimeOffset.FromUnixTimeMilliseconds(now.ToUnixTimeMilliseconds());
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (record is null) return new TriggerResult(TriggerOutcome.NotFound, null);
            ScheduleDeclaration declaration = Decode(record);
            var trigger = new OccurrenceTrigger(
                id, record.Version, declaration.Options.Overlap, scheduledFor, declaration.EntryOf(occurrence, scheduledFor, Due.In(TimeSpan.Zero)));
            TriggerAnswer answer = await Schedules.TriggerAsync(client!.Partition, trigger, cancellationToken).OffStoreThread().ConfigureAwait(false);
            switch (answer.Decision)
            {
                case TriggerDecision.Posted:
                    return new TriggerResult(TriggerOutcome.Triggered, occurrence);
                case TriggerDecision.Queued:
                    return new TriggerResult(TriggerOutcome.Queued, occurrence);
                case TriggerDecision.Skipped:
                    return new TriggerResult(TriggerOutcome.Skipped, null);
                default:
                    record = answer.Record;
                    break;
            }
        }

        throw ChangedTooOften(id);
    }

    /// <summary>The next times of a schedule, as it is stored, by the store's clock: that of its next occurrence first. Also of one that is paused.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="count">How many: 1 to 10,000.</param>
    /// <param name="cancellationToken">A token that cancels the wait.</param>
    /// <returns>The times by the schedule, in UTC, without jitter; null if there is no such schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The count is out of its range.</exception>
    /// <exception cref="LatchworkStoreException">The store did not answer, or the schedule cannot be evaluated here.</exception>
    public async Task<IReadOnlyList<DateTimeOffset>?> GetNextOccurrencesAsync(string id, int count, CancellationToken cancellationToken = default)
    {
        ScheduleReader.CheckId(id);
        Limits.CheckRange(count, 1, 10_000);
        (ScheduleRecord? record, DateTimeOffset now, _) = await ReadAsync(id, cancellationToken).ConfigureAwait(false);
        if (record is null) return null;
        ScheduleDeclaration declaration = Decode(record);
        DateTimeOffset? first = record.ExpectedId is { } expected && ScheduleDeclaration.TimeOf(expected) is { } time
            ? time
            : ScheduleReader.NextOf(id, declaration, record.DecidedUntil, now);
        if (first is not { } from) return [];
        return count == 1 ? [from] : [from, .. declaration.Schedule.GetNext(from, count - 1)];
    }

    private async IAsyncEnumerable<ScheduleSnapshot> ListCoreAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        PartitionClient[] clients = await _clients.FindAsync(cancellationToken).ConfigureAwait(false);
        List<IAsyncEnumerator<ScheduleRecord>> open = [];
        try
        {
            var heads = new PriorityQueue<IAsyncEnumerator<ScheduleRecord>, string>(Utf8Order.Instance);
            foreach (PartitionClient client in clients)
            {
                IAsyncEnumerator<ScheduleRecord> records = PagesAsync(client, cancellationToken).GetAsyncEnumerator(cancellationToken);
                open.Add(records);
                if (await records.MoveNextAsync().ConfigureAwait(false)) heads.Enqueue(records, records.Current.Id);
            }

            while (heads.TryDequeue(out IAsyncEnumerator<ScheduleRecord>? next, out _))
            {
                yield return ScheduleView.Of(next.Current);
                if (await next.MoveNextAsync().ConfigureAwait(false)) heads.Enqueue(next, next.Current.Id);
            }
        }
        finally
        {
            foreach (IAsyncEnumerator<ScheduleRecord> records in open) await records.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async IAsyncEnumerable<ScheduleRecord> PagesAsync(PartitionClient client, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? cursor = null;
        do
        {
            SchedulePage page = await Schedules.ListAsync(client.Partition, cursor, Limits.MaxBatch, cancellationToken).OffStoreThread().ConfigureAwait(false);
            foreach (ScheduleRecord record in page.Records) yield return record;
            cursor = page.Cursor;
        }
        while (cursor is not null);
    }
}
