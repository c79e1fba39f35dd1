using System.Security.Cryptography;
using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Latchwork.Threading;

namespace Latchwork;

/// <content>
/// Changes. Each reads the record and the time of the store, computes, and writes if nothing has changed in between; else it computes anew from the answer, eight
/// times at most. A write whose outcome is unknown is not repeated.
/// </content>
public sealed partial class TimerSchedules
{
    private IScheduleStore Schedules => ScheduleReader.Of(_store);

    /// <summary>Checks a declaration.</summary>
    /// <exception cref="ArgumentException">An argument is out of its bounds.</exception>
    internal ScheduleDeclaration Declare(string id, Schedule schedule, ReadOnlyMemory<byte> payload, ScheduleOptions? options, bool isDeclared)
    {
        ScheduleReader.CheckId(id);
        ArgumentNullException.ThrowIfNull(schedule);
        Limits.CheckPayload(payload.Length, _settings.MaxPayloadBytes, nameof(payload));
        options ??= new ScheduleOptions();
        ScheduleOptions.Set.Check(new(options), "The options of the schedule are not valid", nameof(options));
        Dictionary<string, string>? headers = TimerEntries.CopyHeaders(options.Headers, ScheduleDeclaration.MaxHeaderBytes);
        return new ScheduleDeclaration
        {
            Schedule = schedule,
            Options = options with { Headers = headers },
            MaxRetries = options.MaxRetries ?? _settings.MaxRetries,
            Payload = payload.ToArray(),
            IsDeclared = isDeclared,
        };
    }

    /// <summary>Writes a declaration.</summary>
    internal async Task<ScheduleResult> AddOrUpdateAsync(string id, ScheduleDeclaration declaration, CancellationToken cancellationToken)
    {
        PartitionClient client = PartitionClients.Of(await _clients.GetAsync(cancellationToken).ConfigureAwait(false), id);
        byte[] body = declaration.Encode();
        ScheduleReading reading = await Schedules.ReadAsync(client.Partition, [id], cancellationToken).OffStoreThread().ConfigureAwait(false);
        (ScheduleRecord? record, DateTimeOffset now) = (reading.Records[0], reading.Now);
        string incarnation = NewIncarnation();
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            ScheduleDeclaration? stored = null;
            if (record is not null)
            {
                stored = ScheduleReader.TryDecode(record); // a damaged one can be declared anew
                if (ScheduleDeclaration.RevisionOf(record.Body) > declaration.Options.Revision) return new ScheduleResult(id, ScheduleOutcome.Outdated, TimeOfExpected(record));
                if (record.Body.Span.SequenceEqual(body)) return new ScheduleResult(id, ScheduleOutcome.Unchanged, TimeOfExpected(record));
            }

            DateTimeOffset? next = null;
            if (record is not { IsPaused: true })
            {
                next = NextOf(id, declaration, record, stored, now);
                if (next is null) throw new ArgumentException($"The schedule {declaration.Schedule} has no time after {now:O}.", nameof(declaration));
            }

            var write = new ScheduleWrite(
                id, record?.Version, record?.Version.Incarnation ?? incarnation, body, record?.IsPaused ?? false, next is { } time ? declaration.EntryAt(id, time) : null);
            ScheduleWritten written = await Schedules.WriteAsync(client.Partition, write, cancellationToken).OffStoreThread().ConfigureAwait(false);
            if (written.Outcome != ScheduleWriteOutcome.Changed)
            {
                return new ScheduleResult(id, record is null ? ScheduleOutcome.Created : ScheduleOutcome.Updated, TimeOfExpected(written.Record!));
            }

            (record, now) = (written.Record, written.Now);
        }

        throw ChangedTooOften(id);
    }

    /// <summary>Removes a schedule, if it is still as it was read.</summary>
    internal async Task<ScheduleRemoval> RemoveAsync(string id, ScheduleVersion? version, CancellationToken cancellationToken) =>
        await _clients.FindAsync(id, cancellationToken).ConfigureAwait(false) is { } client
            ? await Schedules.RemoveAsync(client.Partition, id, version, cancellationToken).OffStoreThread().ConfigureAwait(false)
            : ScheduleRemoval.NotFound;

    /// <summary>Cancels an occurrence that its schedule expects: it is skipped, and the next one is posted in the same step.</summary>
    /// <returns>Null if it has begun, or is not one that its schedule expects: it is cancelled like any other event.</returns>
    internal async Task<TimerOutcome?> SkipAsync(PartitionClient client, string occurrence, bool revoke, CancellationToken cancellationToken)
    {
        if (_store.Schedules is not { } schedules) return null;
        string id = OccurrenceId.ScheduleOf(occurrence)!;
        ScheduleReading reading = await schedules.ReadAsync(client.Partition, [id], cancellationToken).OffStoreThread().ConfigureAwait(false);
        ScheduleRecord? record = reading.Records[0];
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (record is null || record.ExpectedId != occurrence) return null;
            ScheduleDeclaration? declaration = ScheduleReader.TryDecode(record);
            DateTimeOffset expected = ScheduleDeclaration.TimeOf(occurrence) ?? reading.Now;
            OccurrencePlan plan = declaration is null
                ? OccurrencePlan.OfDamaged(expected, record.IsPaused) with { Run = false, EndAs = OccurrenceOutcome.Cancelled }
                : OccurrencePlan.OfCancelled(declaration, expected);
            if (record.IsPaused) plan = plan with { Next = null };
            OccurrenceAdvance advance = plan.ToAdvance(record, declaration, new DeliveryKey(occurrence, ""), _settings.NodeId) with { Revoke = revoke };
            AdvanceAnswer answer = await client.Advances.AddAsync(advance, cancellationToken).ConfigureAwait(false);
            switch (answer.Outcome)
            {
                case AdvanceOutcome.Ended:
                    return TimerOutcome.Done;
                case AdvanceOutcome.InFlight:
                    return TimerOutcome.InFlight;
                case AdvanceOutcome.Changed:
                    record = answer.Record;
                    break;
                default:
                    return null;
            }
        }

        throw ChangedTooOften(id);
    }

    private async Task<bool> SetPausedAsync(string id, bool isPaused, CancellationToken cancellationToken)
    {
        ScheduleReader.CheckId(id);
        (ScheduleRecord? record, DateTimeOffset now, PartitionClient? client) = await ReadAsync(id, cancellationToken).ConfigureAwait(false);
        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            if (record is null) return false;
            if (record.IsPaused == isPaused) return true;
            TimerEntry? next = null;
            if (!isPaused)
            {
                ScheduleDeclaration declaration = Decode(record);
                next = ScheduleReader.NextOf(id, declaration, record.DecidedUntil, now) is { } time ? declaration.EntryAt(id, time) : null;
            }

            var write = new ScheduleWrite(id, record.Version, record.Version.Incarnation, record.Body, isPaused, next);
            ScheduleWritten written = await Schedules.WriteAsync(client!.Partition, write, cancellationToken).OffStoreThread().ConfigureAwait(false);
            if (written.Outcome != ScheduleWriteOutcome.Changed) return true;
            (record, now) = (written.Record, written.Now);
        }

        throw ChangedTooOften(id);
    }

    /// <summary>
    /// The time of the occurrence that is to be expected after a change. One that has not begun keeps its time if the times did not change, or if it is due already: nothing
    /// that is due is lost. Else the chain begins anew at the next time from now on.
    /// </summary>
    /// <remarks>
    /// Also if it was in flight when it was read: until the write its lease may end, and then it waits again, under the same version. If it is in flight still, the write
    /// keeps it whatever is said here.
    /// </remarks>
    private static DateTimeOffset? NextOf(string id, ScheduleDeclaration declaration, ScheduleRecord? record, ScheduleDeclaration? stored, DateTimeOffset now)
    {
        if (record is { ExpectedId: { } expected } && ScheduleDeclaration.TimeOf(expected) is { } time)
        {
            if (stored is not null && stored.HasTimesOf(declaration)) return time;
            if (time + ScheduleDeclaration.JitterOf(id, stored?.Options.Jitter ?? TimeSpan.Zero) <= now) return time;
        }

        return ScheduleReader.NextOf(id, declaration, record?.DecidedUntil ?? DateTimeOffset.UnixEpoch, now);
    }

    private async Task<(ScheduleRecord? Record, DateTimeOffset Now, PartitionClient? Client)> ReadAsync(string id, CancellationToken cancellationToken)
    {
        if (await _clients.FindAsync(id, cancellationToken).ConfigureAwait(false) is not { } client) return default;
        ScheduleReading reading = await Schedules.ReadAsync(client.Partition, [id], cancellationToken).OffStoreThread().ConfigureAwait(false);
        return (reading.Records[0], reading.Now, client);
    }

    private static DateTimeOffset? TimeOfExpected(ScheduleRecord record) => record.ExpectedId is { } expected ? ScheduleDeclaration.TimeOf(expected) : null;

    private static ScheduleDeclaration Decode(ScheduleRecord record)
    {
        try
        {
            return ScheduleDeclaration.Decode(record.Body);
        }
        catch (InvalidDataException e)
        {
            throw new LatchworkStoreException($"The schedule '{record.Id}' cannot be evaluated here: {e.Message} Nothing was changed.", StoreOutcome.NotApplied, e);
        }
    }

    private static LatchworkStoreException ChangedTooOften(string id) => new(
        $"The schedule '{id}' was changed by others {MaxAttempts} times in the meantime; nothing was changed here. Try again.", StoreOutcome.NotApplied);

    /// <summary>96 random bits.</summary>
    private static string NewIncarnation()
    {
        Span<byte> random = stackalloc byte[12];
        RandomNumberGenerator.Fill(random);
        return System.Buffers.Text.Base64Url.EncodeToString(random);
    }
}
