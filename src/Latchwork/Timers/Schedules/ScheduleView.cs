using Latchwork.Storage;

namespace Latchwork;

/// <summary>Records as they are shown.</summary>
internal static class ScheduleView
{
    public static ScheduleSnapshot Of(ScheduleRecord record)
    {
        ScheduleDeclaration? declaration = null;
        string? damage = null;
        try
        {
            declaration = ScheduleDeclaration.Decode(record.Body);
        }
        catch (InvalidDataException e)
        {
            damage = e.Message;
        }

        return new ScheduleSnapshot
        {
            Id = record.Id,
            Version = record.Version,
            Schedule = declaration?.Schedule,
            Options = declaration?.Options,
            Damage = damage,
            Payload = declaration?.Payload ?? default,
            IsPaused = record.IsPaused,
            IsDeclared = declaration?.IsDeclared ?? false,
            Next = record.ExpectedId is { } expected ? ScheduleDeclaration.TimeOf(expected) : null,
            NextState = record.ExpectedState,
            QueuedId = record.QueuedId,
            JitterOffset = declaration is null ? TimeSpan.Zero : ScheduleDeclaration.JitterOf(record.Id, declaration.Options.Jitter),
            Started = record.Counts.Started,
            Missed = record.Counts.Missed,
            Skipped = record.Counts.Skipped,
            Replaced = record.Counts.Replaced,
            History =
            [
                .. record.History.Reverse().Select(static entry => new ScheduleOccurrence(
                    entry.Id, entry.ScheduledFor, entry.StartedAt, entry.EndedAt, entry.Outcome, entry.NodeId)),
            ],
        };
    }
}
