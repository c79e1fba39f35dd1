using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork;

/// <summary>What everything that reads records of schedules shares.</summary>
internal static class ScheduleReader
{
    /// <summary>The most records that are read in one call: their bodies may be large.</summary>
    public const int MaxRead = 50;

    /// <summary>The schedules of a store.</summary>
    /// <exception cref="LatchworkStoreException">It keeps none.</exception>
    public static IScheduleStore Of(ITimerStore store) =>
        store.Schedules ?? throw new LatchworkStoreException("This store keeps no schedules.", StoreOutcome.NotApplied);

    /// <summary>The occurrence that comes next when a chain begins anew: the first time that is neither past nor decided.</summary>
    /// <param name="id">The schedule.</param>
    /// <param name="declaration">How it is declared.</param>
    /// <param name="decidedUntil">The time up to which the chain is decided.</param>
    /// <param name="now">The time of the store.</param>
    public static DateTimeOffset? NextOf(string id, ScheduleDeclaration declaration, DateTimeOffset decidedUntil, DateTimeOffset now)
    {
        DateTimeOffset past = now - ScheduleDeclaration.JitterOf(id, declaration.Options.Jitter);
        return declaration.Schedule.GetNext(past > decidedUntil ? past : decidedUntil);
    }

    /// <summary>The declaration in a record; null if this process cannot evaluate it: it is shown as damaged, and another node may know the zone.</summary>
    public static ScheduleDeclaration? TryDecode(ScheduleRecord record)
    {
        try
        {
            return ScheduleDeclaration.Decode(record.Body);
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    /// <summary>The write that gives an occurrence to a schedule that has none; null if this process cannot evaluate it, or there is no time left.</summary>
    /// <param name="stray">The record.</param>
    /// <param name="now">The time of the store.</param>
    public static ScheduleWrite? Rearm(ScheduleRecord stray, DateTimeOffset now)
    {
        if (TryDecode(stray) is not { } declaration) return null;

        // Of one that a node began which could not say what comes next, the times since then are missed, and treated as such.
        DateTimeOffset? next = (stray.ExpectedId is { } expected ? ScheduleDeclaration.TimeOf(expected) : null)
            ?? (stray.DecidedUntil > DateTimeOffset.UnixEpoch ? declaration.Schedule.GetNext(stray.DecidedUntil) : null)
            ?? NextOf(stray.Id, declaration, stray.DecidedUntil, now);
        return next is { } time
            ? new ScheduleWrite(stray.Id, stray.Version, stray.Version.Incarnation, stray.Body, stray.IsPaused, declaration.EntryAt(stray.Id, time))
            : null;
    }

    /// <summary>Refuses what cannot be the id of a schedule.</summary>
    /// <exception cref="ArgumentException">It is empty, too long, no Unicode, or contains U+001F.</exception>
    public static void CheckId(string id, string argument = "id")
    {
        Limits.CheckId(id, argument);
        if (OccurrenceId.Is(id)) throw new ArgumentException($"'{argument}' must not contain U+001F, which separates a schedule from the time of an occurrence.", argument);
        int bytes = System.Text.Encoding.UTF8.GetByteCount(id);
        if (bytes > OccurrenceId.MaxScheduleBytes)
        {
            throw new ArgumentException($"'{argument}' must have at most {OccurrenceId.MaxScheduleBytes} bytes of UTF-8, as the id of a schedule; it has {bytes}.", argument);
        }
    }
}
