using Latchwork.Storage;

namespace Latchwork.StoreConformance.Timers;

public sealed record PeekOperation(string Id) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        TimerSnapshot? store = await run.Timers.PeekAsync(run.Partition, Id, CancellationToken.None);
        string model = run.Model.Find(Id) is ModelEvent e ? run.Say(e) : run.Model.FindCompleted(Id) is { } line ? run.Say(line) : "nothing";
        TimerModelRun.Compare(model, store is null ? "nothing" : run.Say(store));
    }

    public override string ToString() => $"peek {Id}";
}

public sealed record UpcomingOperation(TimeSpan? Offset, TimeSpan? Duration, int Limit) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        var store = new List<TimerSnapshot>();
        string? cursor = null;
        do
        {
            TimerPage page = await run.Timers.UpcomingAsync(run.Partition, Offset, Duration, cursor, Limit, CancellationToken.None);
            store.AddRange(page.Items);
            cursor = page.Cursor;
        }
        while (cursor is not null);

        TimerModelRun.Compare(run.Model.Upcoming(Offset, Duration).Select(run.Say), store.Select(run.Say));
    }

    public override string ToString() => $"upcoming from {Ms(Offset)} for {Ms(Duration)} by {Limit}";
}

public sealed record DeadLettersOperation(int Limit) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        var store = new List<TimerSnapshot>();
        string? cursor = null;
        do
        {
            TimerPage page = await run.Timers.DeadLettersAsync(run.Partition, cursor, Limit, CancellationToken.None);
            store.AddRange(page.Items);
            cursor = page.Cursor;
        }
        while (cursor is not null);

        TimerModelRun.Compare(run.Model.InOrder(TimerState.DeadLettered).Select(run.Say), store.Select(run.Say));
    }

    public override string ToString() => $"dead by {Limit}";
}

public sealed record CompletedOperation(int Limit) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        var store = new List<TimerSnapshot>();
        string? cursor = null;
        do
        {
            TimerPage page = await run.Timers.CompletedAsync(run.Partition, cursor, Limit, CancellationToken.None);
            store.AddRange(page.Items);
            cursor = page.Cursor;
        }
        while (cursor is not null);

        TimerModelRun.Compare(run.Model.Completed.Select(run.Say), store.Select(run.Say));
    }

    public override string ToString() => $"completed by {Limit}";
}

public sealed record StatsOperation : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run) =>
        TimerModelRun.Compare(run.Say(run.Model.Stats), run.Say(await run.Timers.GetStatsAsync(run.Partition, CancellationToken.None)));

    public override string ToString() => "stats";
}

/// <summary>The list of nodes, but for those that are about to be forgotten, and but for their state, which follows from poll slots.</summary>
public sealed record NodesOperation : TimerOperation
{
    private static readonly TimeSpan _nearlyForgotten = TimeSpan.FromMinutes(55);

    public override async Task CheckAsync(TimerModelRun run)
    {
        IReadOnlyList<TimerNode> store = await run.Timers.GetNodesAsync(run.Partition, CancellationToken.None);
        TimerModelRun.Compare(
            run.Model.Nodes.OrderBy(n => n.Key, StringComparer.Ordinal)
                .Where(n => run.Model.Now - n.Value.LastSeen < _nearlyForgotten)
                .Select(n => $"{n.Key} holds {n.Value.Held} seen {Ms(run.Model.Now - n.Value.LastSeen)};"),
            store.Where(n => n.LastSeen < _nearlyForgotten).Select(n => $"{n.NodeId} holds {n.InFlight} seen {Ms(n.LastSeen)};"));
    }

    public override string ToString() => "nodes";
}

public sealed record LeaveOperation(string Node) : TimerOperation
{
    public override Task CheckAsync(TimerModelRun run)
    {
        run.Model.Leave(Node);
        return run.Timers.LeaveAsync(run.Partition, Node, CancellationToken.None);
    }

    public override string ToString() => $"{Node} leaves";
}

public sealed record AdvanceOperation(TimeSpan Span) : TimerOperation
{
    public override Task CheckAsync(TimerModelRun run)
    {
        run.Clock.Advance(Span);
        run.Model.Now += Span;
        return Task.CompletedTask;
    }

    public override string ToString() => $"{Ms(Span)} pass";
}

/// <summary>The server's clock goes back. A store notes its time only when it has grown by 50 ms; so it is made to note it first.</summary>
public sealed record StepBackOperation(TimeSpan Span, ClaimOperation NoteTime, ClaimOperation Notice) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        await new AdvanceOperation(TimeSpan.FromMilliseconds(50)).CheckAsync(run);
        await NoteTime.CheckAsync(run);
        run.Clock.Shift(-Span);
        run.Model.StepBack(Span);
        await Notice.CheckAsync(run);
    }

    public override string ToString() => $"50ms pass, {NoteTime}, the clock goes back by {Ms(Span)}, {Notice}";
}

public sealed record ClaimOperation(string Node, string Token, int Max, int Capacity, int Held, TimeSpan Lease, DeadLetterLimits Limits, CompletedLimits Completed) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        var request = new ClaimRequest(Node, Token, Max, Capacity, Held, Lease, Limits) { Completed = Completed };
        TimerClaim claim = await run.Timers.ClaimAsync(run.Partition, request, CancellationToken.None);

        string store = string.Join(' ', claim.Events.Select(run.SayDelivery));
        IReadOnlyList<IReadOnlyList<ModelEvent>> choices = run.Model.Claimable(request);
        IReadOnlyList<ModelEvent> chosen = choices.FirstOrDefault(events => Describe(events) == store) ?? choices[0];
        TimerModelRun.Compare(Describe(chosen), store);
        TimerModelRun.Compare(run.Say(run.Model.Pause), run.Say(claim.Pause));
        run.Model.Claim(request, chosen);
        if (!run.Model.HasFreed || claim.AskAgainIn == TimeSpan.Zero) CheckAskAgain(run.Model, Capacity - chosen.Count, claim.AskAgainIn);

        string Describe(IEnumerable<ModelEvent> events) => string.Join(' ', events.Select(run.SayDelivery));
    }

    public override string ToString() => $"{Node} claims {Max} of {Capacity} as {Token} for {Ms(Lease)}, {Say(Limits)}, {Say(Completed)}";

    /// <summary>Whatever the roles: immediately if it can take more, else at its poll slot at the latest; and never later than the head if it is alone.</summary>
    private static void CheckAskAgain(TimerModel model, int capacityLeft, TimeSpan askAgainIn)
    {
        bool moreIsDue = model.Head <= model.Now && capacityLeft > 0;
        if (moreIsDue != (askAgainIn == TimeSpan.Zero)) throw new ModelDifferenceException($"  more is due: {moreIsDue}, but it is to ask again in {Ms(askAgainIn)}");

        TimeSpan latest = TimeSpan.FromSeconds(model.MostNodes);
        if (model.Nodes.Count == 1 && capacityLeft > 0 && model.Head - model.Now < latest) latest = (model.Head - model.Now)!.Value;
        if (latest < TimeSpan.Zero) latest = TimeSpan.Zero;
        if (askAgainIn > latest) throw new ModelDifferenceException($"  it is to ask again in {Ms(askAgainIn)}, which is later than {Ms(latest)}");
    }
}
