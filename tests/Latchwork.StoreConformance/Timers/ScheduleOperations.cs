using System.Globalization;
using Latchwork.Storage;

namespace Latchwork.StoreConformance.Timers;

public sealed record DeclareOperation(string Id, ModelDeclaration Declaration) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        ScheduleResult store = await run.Timer.Schedules.AddOrUpdateAsync(Id, Declaration.Schedule, Declaration.Payload, Declaration.Options);
        TimerModelRun.Compare([run.Model.Schedules.AddOrUpdate(run.Model, Id, Declaration)], [store.Outcome]);
    }

    public override string ToString() => $"declare {Id} {Declaration}";
}

public sealed record RemoveScheduleOperation(string Id) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run) =>
        TimerModelRun.Compare([run.Model.Schedules.Remove(run.Model, Id)], [await run.Timer.Schedules.RemoveAsync(Id)]);

    public override string ToString() => $"remove the schedule {Id}";
}

public sealed record PauseScheduleOperation(string Id, bool IsPaused) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        bool store = IsPaused ? await run.Timer.Schedules.PauseAsync(Id) : await run.Timer.Schedules.ResumeAsync(Id);
        TimerModelRun.Compare([run.Model.Schedules.SetPaused(run.Model, Id, IsPaused)], [store]);
    }

    public override string ToString() => $"{(IsPaused ? "pause" : "resume")} the schedule {Id}";
}

/// <summary>A trigger that is sent twice, as if the first reply were lost.</summary>
public sealed record TriggerOperation(string Id, string Name) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        string occurrence = $"{Id}\u001F+{Name}";
        TriggerDecision? model = run.Model.Schedules.Trigger(run.Model, Id, occurrence);
        IScheduleStore schedules = run.Timers.Schedules!;
        ScheduleReading reading = await schedules.ReadAsync(run.Partition, [Id], CancellationToken.None);
        if (reading.Records[0] is not { } record)
        {
            TimerModelRun.Compare("null", $"{model?.ToString() ?? "null"}");
            return;
        }

        ModelDeclaration declaration = run.Model.Schedules.Find(Id)?.Declaration ?? throw new ModelDifferenceException($"  model: no schedule {Id}\n  store: one");
        var trigger = new OccurrenceTrigger(
            Id, record.Version, declaration.Overlap, TimerModel.Floor(reading.Now), declaration.EntryOf(occurrence, Due.In(TimeSpan.Zero)));
        TriggerAnswer first = await schedules.TriggerAsync(run.Partition, trigger, CancellationToken.None);
        TriggerAnswer again = await schedules.TriggerAsync(run.Partition, trigger, CancellationToken.None);
        TimerModelRun.Compare([model, model], (TriggerDecision?[])[first.Decision, again.Decision]);
    }

    public override string ToString() => $"trigger {Id} as {Name}";
}

/// <summary>A trigger as a person makes it.</summary>
public sealed record CallTriggerOperation(string Id) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        TriggerResult result = await run.Timer.Schedules.TriggerAsync(Id);
        string? occurrence = result.OccurrenceId;
        if (result.Outcome == TriggerOutcome.Skipped)
        {
            ScheduleReading reading = await run.Timers.Schedules!.ReadAsync(run.Partition, [Id], CancellationToken.None);
            occurrence = reading.Records[0]!.History[^1].Id; // its id is told only if there is an event
        }

        TriggerDecision? model = run.Model.Schedules.Trigger(run.Model, Id, occurrence ?? "");
        TriggerOutcome expected = model switch
        {
            null => TriggerOutcome.NotFound,
            TriggerDecision.Posted => TriggerOutcome.Triggered,
            TriggerDecision.Queued => TriggerOutcome.Queued,
            _ => TriggerOutcome.Skipped,
        };
        TimerModelRun.Compare([expected], [result.Outcome]);
    }

    public override string ToString() => $"trigger {Id} by a call";
}

/// <summary>A node that holds an occurrence reads its schedule. What happens before its next step, it does not know.</summary>
public sealed record ReadScheduleOperation(string Occurrence) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run) => run.Readings[Occurrence] = await ReadAsync(run, Occurrence);

    public static async Task<(ScheduleRecord? Record, ModelSchedule? Model)> ReadAsync(TimerModelRun run, string occurrence)
    {
        string id = ScheduleModel.ScheduleOf(occurrence)!;
        ScheduleReading reading = await run.Timers.Schedules!.ReadAsync(run.Partition, [id], CancellationToken.None);
        return (reading.Records[0], run.Model.Schedules.Find(id)?.AsRead());
    }

    public override string ToString() => $"read the schedule of {Occurrence}";
}

/// <summary>The step before a handler, from what was read last, or from what is read now; and once more, as if the reply were lost.</summary>
public sealed record BeginOperation(DeliveryKey Delivery, string Node) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        if (!run.Readings.Remove(Delivery.Id, out (ScheduleRecord? Record, ModelSchedule? Model) read)) read = await ReadScheduleOperation.ReadAsync(run, Delivery.Id);
        DateTimeOffset claimedAt = run.FirstClaimOf(run.Model.Find(Delivery.Id));
        ScheduleDeclaration? declaration = read.Record is null ? null : ScheduleDeclaration.Decode(read.Record.Body);
        (OccurrenceAdvance advance, _) = OccurrencePlan.Decide(read.Record, declaration, Delivery, claimedAt, claimedAt, Node);
        for (int i = 0; i < 2; i++)
        {
            AdvanceAnswer store = (await run.Timers.Schedules!.AdvanceAsync(run.Partition, [advance], CancellationToken.None))[0];
            TimerModelRun.Compare([run.Model.Schedules.Advance(run.Model, Delivery, Node, read.Model, claimedAt)], [store.Outcome]);
            if ((store.Outcome == AdvanceOutcome.Changed) != (store.Record is not null)) throw new ModelDifferenceException("  a record comes with 'Changed', and only with it");
        }
    }

    public override string ToString() => $"{Node} begins {Say(Delivery)}";
}

public sealed record CancelOccurrenceOperation(string Occurrence, bool Revoke) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        TimerOutcome store = await run.Timer.CancelAsync(Occurrence, Revoke);
        TimerModelRun.Compare([run.Model.Schedules.Skip(run.Model, Occurrence, Revoke) ?? run.Model.Cancel(Occurrence, Revoke)], [store]);
    }

    public override string ToString() => $"{(Revoke ? "revoke" : "cancel")} the occurrence {Occurrence}";
}

/// <summary>All schedules, with their expected occurrences, counts and histories; and none is without an occurrence that should have one.</summary>
public sealed record SchedulesOperation : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        SchedulePage page = await run.Timers.Schedules!.ListAsync(run.Partition, null, Limits.MaxBatch, CancellationToken.None);
        TimerModelRun.Compare(run.Model.Schedules.All.OrderBy(one => one.Id, StringComparer.Ordinal).Select(one => Say(run, one)), page.Records.Select(one => Say(run, one)));
        ScheduleSweep sweep = await run.Timers.Schedules!.SweepAsync(run.Partition, null, TimeSpan.Zero, CancellationToken.None);
        TimerModelRun.Compare(run.Model.Schedules.All.Where(one => IsStray(run.Model, one)).Select(one => one.Id), sweep.Strays.Select(one => one.Id));
    }

    public override string ToString() => "list of schedules";

    private static bool IsStray(TimerModel model, ModelSchedule schedule) =>
        !schedule.IsPaused && (schedule.Expected is not { } id || model.Find(id) is not { State: TimerState.Scheduled or TimerState.InFlight });

    private static string Say(TimerModelRun run, ModelSchedule one) => string.Create(
        CultureInfo.InvariantCulture,
        $"""
        {one.Id}(version {one.Version}{(one.IsPaused ? " paused" : "")} expects {one.Expected} {(one.Expected is null ? null : run.Model.Find(one.Expected)?.State)} queued {one.Queued}
          running {Say(run, one.Running)} decided {run.Say(one.DecidedUntil)} started {one.Started} missed {one.Missed} skipped {one.Skipped} replaced {one.Replaced}
          [{string.Join(", ", one.History.Select(h => $"{h.Id} for {run.Say(h.ScheduledFor)} {run.Say(h.StartedAt)} to {run.Say(h.EndedAt)} {h.Outcome} {h.NodeId}"))}])
        """);

    private static string Say(TimerModelRun run, ScheduleRecord one) => string.Create(
        CultureInfo.InvariantCulture,
        $"""
        {one.Id}(version {one.Version.Number}{(one.IsPaused ? " paused" : "")} expects {one.ExpectedId} {one.ExpectedState} queued {one.QueuedId}
          running {Say(run, one.RunningIds)} decided {run.Say(one.DecidedUntil)} started {one.Counts.Started} missed {one.Counts.Missed} skipped {one.Counts.Skipped} replaced {one.Counts.Replaced}
          [{string.Join(", ", one.History.Select(h => $"{h.Id} for {run.Say(h.ScheduledFor)} {run.Say(h.StartedAt)} to {run.Say(h.EndedAt)} {h.Outcome} {h.NodeId}"))}])
        """);

    // Some may have ended: these occupy nothing.
    private static string Say(TimerModelRun run, IEnumerable<string> running) =>
        string.Join(" ", running.Where(id => run.Model.Find(id) is { State: TimerState.Scheduled or TimerState.InFlight }));
}
