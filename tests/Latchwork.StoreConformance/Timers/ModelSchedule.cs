using Latchwork.Storage;

namespace Latchwork.StoreConformance.Timers;

/// <summary>A schedule of the model.</summary>
public sealed class ModelSchedule(string id)
{
    public string Id { get; } = id;

    /// <summary>Which of the schedules that had this id one after the other.</summary>
    public object Incarnation { get; private init; } = new();

    public required ModelDeclaration Declaration { get; set; }

    public long Version { get; set; }

    public bool IsPaused { get; set; }

    public string? Expected { get; set; }

    public string? Queued { get; set; }

    /// <summary>Occurrences that began and have not ended.</summary>
    public List<string> Running { get; private init; } = [];

    public DateTimeOffset DecidedUntil { get; set; } = DateTimeOffset.UnixEpoch;

    public long Started { get; private set; }

    public long Missed { get; set; }

    public long Skipped { get; set; }

    public long Replaced { get; set; }

    /// <summary>The last ten, the oldest first.</summary>
    public List<ModelOccurrence> History { get; } = [];

    /// <summary>As it is now: of what follows nothing is seen in it.</summary>
    public ModelSchedule AsRead() => new(Id) { Incarnation = Incarnation, Declaration = Declaration, Version = Version, IsPaused = IsPaused, Expected = Expected, Queued = Queued };

    public void Note(ModelOccurrence occurrence)
    {
        History.Add(occurrence);
        if (History.Count > 10) History.RemoveAt(0);
    }

    public void Occupy(string occurrence)
    {
        Running.Remove(occurrence);
        Running.Add(occurrence);
        if (Running.Count > 10) Running.RemoveAt(0);
    }

    public void Begin(string occurrence, string node, DateTimeOffset now)
    {
        Occupy(occurrence);
        if (History.Find(one => one.Id == occurrence) is not { StartedAt: null } entry) return;
        (entry.StartedAt, entry.NodeId, entry.Outcome) = (TimerModel.Floor(now), node, OccurrenceOutcome.Running);
        Started++;
    }

    public void End(string occurrence, OccurrenceOutcome outcome, DateTimeOffset now)
    {
        if (History.Find(one => one.Id == occurrence) is { } entry) (entry.EndedAt, entry.Outcome) = (TimerModel.Floor(now), outcome);
    }
}

/// <summary>One of the last occurrences of a schedule of the model.</summary>
public sealed class ModelOccurrence(string id, DateTimeOffset scheduledFor)
{
    public string Id { get; } = id;

    public DateTimeOffset ScheduledFor { get; } = scheduledFor;

    public DateTimeOffset? StartedAt { get; set; }

    public DateTimeOffset? EndedAt { get; set; }

    public OccurrenceOutcome Outcome { get; set; }

    public string? NodeId { get; set; }
}

/// <summary>How a schedule of the model is declared: its times are whole intervals since 1970.</summary>
public sealed record ModelDeclaration(int Seconds, long Revision, MisfirePolicy Misfire, OverlapPolicy Overlap, int MaxRetries, int Jitter, char Content)
{
    public const int CatchUpLimit = 3;

    public static readonly TimeSpan MisfireThreshold = TimeSpan.FromSeconds(4);

    public static readonly TimeSpan CatchUpWindow = TimeSpan.FromSeconds(90);

    public Schedule Schedule => Schedule.Every(TimeSpan.FromSeconds(Seconds));

    public byte[] Payload => [(byte)Content];

    public ScheduleOptions Options => new()
    {
        Revision = Revision,
        Misfire = Misfire,
        Overlap = Overlap,
        MaxRetries = MaxRetries,
        Jitter = TimeSpan.FromSeconds(Jitter),
        MisfireThreshold = MisfireThreshold,
        CatchUpWindow = CatchUpWindow,
        CatchUpLimit = CatchUpLimit,
    };

    public TimeSpan JitterOf(string id) => ScheduleDeclaration.JitterOf(id, TimeSpan.FromSeconds(Jitter));

    /// <summary>The first time after another.</summary>
    public DateTimeOffset Next(DateTimeOffset after) => DateTimeOffset.UnixEpoch + ((after - DateTimeOffset.UnixEpoch).Ticks / Ticks + 1) * TimeSpan.FromSeconds(Seconds);

    /// <summary>The first time that is neither past nor decided.</summary>
    public DateTimeOffset First(string id, DateTimeOffset decidedUntil, DateTimeOffset now)
    {
        DateTimeOffset first = Next(decidedUntil > now.AddDays(-1) ? decidedUntil : now.AddDays(-1));
        while (first + JitterOf(id) <= now) first = Next(first);
        return first;
    }

    public TimerEntry EntryAt(string id, DateTimeOffset time) => EntryOf(ScheduleDeclaration.OccurrenceOf(id, time), Due.At(time + JitterOf(id)));

    public TimerEntry EntryOf(string occurrence, Due due) => new(occurrence, due, Payload, MaxRetries, IfExists.Replace, null, IdIsNew: false);

    private long Ticks => TimeSpan.FromSeconds(Seconds).Ticks;

    public override string ToString() => $"every {Seconds}s revision {Revision} misfire {Misfire} overlap {Overlap} retries {MaxRetries} jitter {Jitter}s {Content}";
}

/// <summary>What is to become of an expected occurrence, and what comes next.</summary>
public sealed record ModelVerdict(bool Runs, OccurrenceOutcome EndsAs, DateTimeOffset ScheduledFor, int Missed, DateTimeOffset DecidedUntil, DateTimeOffset? Next)
{
    public static ModelVerdict Of(ModelSchedule schedule, DateTimeOffset time, DateTimeOffset claimedAt)
    {
        if (schedule.IsPaused) return new ModelVerdict(false, OccurrenceOutcome.Paused, time, 0, time, null);
        ModelDeclaration declaration = schedule.Declaration;
        DateTimeOffset now = claimedAt - declaration.JitterOf(schedule.Id);
        List<DateTimeOffset> passed = [time];
        while (declaration.Next(passed[^1]) <= now) passed.Add(declaration.Next(passed[^1]));
        if (now - time <= ModelDeclaration.MisfireThreshold && passed.Count == 1) return new ModelVerdict(true, default, time, 0, time, declaration.Next(time));

        DateTimeOffset newest = passed[^1], coming = declaration.Next(newest);
        switch (declaration.Misfire)
        {
            case MisfirePolicy.Latest:
                return new ModelVerdict(true, default, newest, passed.Count - 1, newest, coming);
            case MisfirePolicy.Skip:
                return new ModelVerdict(false, OccurrenceOutcome.Missed, time, passed.Count, newest, coming);
            default:
                DateTimeOffset[] wanted = [.. passed.Where(one => one >= now - ModelDeclaration.CatchUpWindow).TakeLast(ModelDeclaration.CatchUpLimit)];
                if (wanted.Length == 0) return new ModelVerdict(false, OccurrenceOutcome.Missed, time, passed.Count, newest, coming);
                if (wanted[0] == time) return new ModelVerdict(true, default, time, 0, time, declaration.Next(time));
                DateTimeOffset[] dropped = [.. passed.TakeWhile(one => one < wanted[0])];
                return new ModelVerdict(false, OccurrenceOutcome.Missed, time, dropped.Length, dropped[^1], wanted[0]);
        }
    }
}
