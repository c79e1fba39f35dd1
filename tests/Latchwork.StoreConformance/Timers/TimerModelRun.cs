using System.Globalization;
using Latchwork.Storage;
using Latchwork.Testing;

namespace Latchwork.StoreConformance.Timers;

/// <summary>One run of a sequence of operations against a store and the model. It speaks of times as milliseconds since it began.</summary>
public sealed class TimerModelRun(LatchworkStore store, ManualTimeProvider clock) : IAsyncDisposable
{
    private readonly DateTimeOffset _start = clock.GetUtcNow();

    private DistributedTimer? _timer;

    public ITimerStore Timers { get; } = store.Timers;

    /// <summary>What declares schedules, and changes them.</summary>
    public DistributedTimer Timer => _timer ??= new DistributedTimer(new MeetingStore(store, this), new() { Namespace = Partition.Namespace, TimeProvider = Clock });

    /// <summary>What others do before calls of <see cref="Timer"/> that have read a schedule write it.</summary>
    public Queue<TimerOperation> InBetween { get; } = [];

    /// <summary>The occurrence that such a call cancels.</summary>
    public string? Cancelled { get; set; }

    /// <summary>Schedules as nodes have read them for occurrences that they hold, and as they were in the model.</summary>
    public Dictionary<string, (ScheduleRecord? Record, ModelSchedule? Model)> Readings { get; } = [];

    public ManualTimeProvider Clock { get; } = clock;

    public TimerPartition Partition { get; } = new($"model-{Guid.NewGuid():N}", 0);

    public TimerModel Model { get; } = new(clock.GetUtcNow());

    public ValueTask DisposeAsync() => _timer?.DisposeAsync() ?? default;

    /// <summary>The server's time since the run began.</summary>
    public TimeSpan Elapsed => Model.RawNow - _start;

    /// <summary>An absolute time.</summary>
    public DateTimeOffset At(TimeSpan sinceStart) => _start + sinceStart;

    /// <summary>Runs a sequence and compares the final state.</summary>
    /// <param name="operations">The sequence.</param>
    /// <returns>What differs and at which operation, or null if all is as it is to be.</returns>
    public async Task<string?> FindDifferenceAsync(IEnumerable<TimerOperation> operations)
    {
        string at = "opening";
        try
        {
            await Timers.OpenAsync(Partition.Namespace, CancellationToken.None);
            foreach (TimerOperation operation in operations)
            {
                at = operation.ToString();
                await operation.CheckAsync(this);
                if (_timer is not null) await new SchedulesOperation().CheckAsync(this);
            }

            at = "the final state";
            await CheckStateAsync();
            return null;
        }
        catch (ModelDifferenceException e)
        {
            return $"{at}\n{e.Message}";
        }
    }

    /// <summary>Everything that can be seen must be as in the model.</summary>
    public async Task CheckStateAsync()
    {
        foreach (TimerOperation look in (TimerOperation[])[new UpcomingOperation(null, null, 3), new DeadLettersOperation(200), new CompletedOperation(3), new StatsOperation(), new NodesOperation()])
        {
            await look.CheckAsync(this);
        }

        foreach (string id in Model.Events.Select(e => e.Id).Union(Model.Completed.Select(line => line.Id)).ToArray()) await new PeekOperation(id).CheckAsync(this);
    }

    /// <summary>Compares two answers in words.</summary>
    /// <exception cref="ModelDifferenceException">They differ.</exception>
    public static void Compare(string model, string store)
    {
        if (model != store) throw new ModelDifferenceException($"  model: {model}\n  store: {store}");
    }

    public static void Compare<T>(IEnumerable<T> model, IEnumerable<T> store) => Compare(string.Join(" ", model), string.Join(" ", store));

    public string Say(DateTimeOffset? time) => time is null ? "-" : string.Create(CultureInfo.InvariantCulture, $"@{(time.Value - _start).TotalMilliseconds:0.###}");

    public string Say(ModelEvent e) =>
        $"{e.Id}({e.State} due {Say(Model.Show(e.Due))} {e.Retries}/{e.MaxRetries} interrupted {e.Interruptions} {Say(e.Payload)} {Say(Left(e.State == TimerState.Scheduled, e.Due))}"
        + $" lease {Say(e.State == TimerState.InFlight ? Left(true, e.At) : null)} {e.Token}:{e.NodeId} {e.Reason} {Say(e.State == TimerState.DeadLettered ? Model.Show(e.At) : null)} [{Say([.. e.Failures.Select(f => f with { At = Model.Show(f.At) })])}])";

    public string Say(ModelCompleted line) => SayCompleted(line.Id, line.Due, line.ClaimedAt, line.CompletedAt, line.NodeId, line.Retries, line.MaxRetries, line.Outcome);

    public string Say(TimerSnapshot s) => s.State == TimerState.Completed
        ? SayCompleted(s.Id, s.Due, s.ClaimedAt, s.CompletedAt, s.NodeId, s.Retries, s.MaxRetries, s.Outcome)
        : $"{s.Id}({s.State} due {Say(s.Due)} {s.Retries}/{s.MaxRetries} interrupted {s.Interruptions} {Say(s.Payload.Span)} {Say(s.TimeLeft)}"
        + $" lease {Say(s.LeaseLeft)} {s.Token}:{s.NodeId} {s.DeadLetterReason} {Say(s.DeadLetteredAt)} [{Say(s.Failures)}])";

    /// <summary>What a delivery says of its event.</summary>
    public string SayDelivery(ModelEvent e) => $"{e.Id}(due {Say(Model.Show(e.Due))} late {Say(e.Due < Model.Now ? Model.Now - e.Due : TimeSpan.Zero)} {e.Retries}/{e.MaxRetries} {Say(e.Payload)} first {Say(HasNotBegun(e.Id) ? FirstClaimOf(e) : null)})";

    public string SayDelivery(ClaimedEvent e) => $"{e.Id}(due {Say(e.Due)} late {Say(e.Lateness)} {e.Retries}/{e.MaxRetries} {Say(e.Payload.Span)} first {Say(HasNotBegun(e.Id) ? e.FirstClaimedAt ?? e.Due + e.Lateness : null)})";

    public string Say(TimerStats s) =>
        $"{s.Scheduled} scheduled, {s.InFlight} in flight, {s.DeadLetters} dead, {s.DeadLettersEvicted} trimmed, oldest {Say(s.OldestOverdue)}, {Say(s.Pause)}, {s.Counters.Totals}";

    public string Say(TimerPause? pause) => pause is null ? "not paused" : $"paused by {pause.By} {Say(pause.Since)} {pause.Reason}";

    private string SayCompleted(
        string id, DateTimeOffset due, DateTimeOffset? claimed, DateTimeOffset? completed, string? node, int retries, int maxRetries, CompletedOutcome? outcome) =>
        $"{id}(completed due {Say(due)} claimed {Say(claimed)} completed {Say(completed)} on {node} {retries}/{maxRetries} {outcome})";

    /// <summary>When an occurrence was claimed first, as a node hears of it.</summary>
    public DateTimeOffset FirstClaimOf(ModelEvent? e) => e?.FirstClaimed is { } first ? first - (Model.Now - Model.RawNow) : Model.Show(Model.Now);

    // Of one that its schedule does not expect it decides nothing.
    private bool HasNotBegun(string id) => Model.Schedules.All.Any(schedule => schedule.Expected == id);

    private static string Say(TimeSpan? span) => span is null ? "-" : string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(span.Value.TotalMilliseconds)}ms");

    private static string Say(ReadOnlySpan<byte> payload) => payload.Length == 0 ? "0" : $"{(char)payload[0]}*{payload.Length}{(payload.ContainsAnyExcept(payload[0]) ? "!" : "")}";

    private string Say(IReadOnlyList<AttemptFailure> failures) => string.Join(", ", failures.Select(f => $"{f.Attempt} {f.NodeId} {Say(f.At)} {f.Error}"));

    private TimeSpan Left(bool counts, DateTimeOffset until) => counts && until > Model.Now ? until - Model.Now : TimeSpan.Zero;
}

/// <summary>A store answered otherwise than the model.</summary>
public sealed class ModelDifferenceException(string message) : Exception(message);
