using Latchwork.Faults.Checking.Schedules;
using Latchwork.Faults.History;
using Latchwork.Faults.Work;
using Shouldly;

namespace Latchwork.Faults.CheckingTests;

/// <summary>The history of a schedule, written by hand. Times are in ms after its beginning; every call is answered after 1 ms. What is not said is as it should be.</summary>
internal sealed class ScheduleScript
{
    public const int Content = 'x';

    /// <summary>An outcome: its process was killed before there was an answer.</summary>
    public const string Open = "open";

    private static readonly DateTimeOffset _start = new(2026, 11, 28, 0, 0, 0, TimeSpan.Zero);
    private readonly List<HistoryLine> _lines = [];
    private readonly RunSchedule _schedule;
    private long _call;

    public ScheduleScript(string id)
    {
        _schedule = RunSchedule.All.Single(one => one.Id == id);
        Add(new ClockSample(0, _start.ToUnixTimeMilliseconds() * 1000));
    }

    public string Incarnation { get; set; } = "a";

    public ScheduleScript Add(HistoryEntry entry)
    {
        _lines.Add(new HistoryLine("p", entry));
        return this;
    }

    /// <summary>A write of the record: from a version, or the first (null).</summary>
    public ScheduleScript Write(long? version, double at, double? next, bool isPaused = false, int content = Content, int? seconds = null, string? outcome = "Written", bool isRefused = false, double? readAt = null) =>
        Call(at, outcome, isRefused, call => new ScheduleWriteSent(
            Us(at), call, _schedule.Id, Incarnation, version, seconds ?? _schedule.Declaration.Seconds, _schedule.Declaration.Misfire, _schedule.Declaration.Overlap, content, isPaused,
            next is { } time ? Unix(time) : null, Time(readAt ?? at).UtcTicks));

    public ScheduleScript Remove(double at, string? outcome = "Removed") => Call(at, outcome, false, call => new ScheduleRemovalSent(Us(at), call, _schedule.Id));

    public ScheduleScript Trigger(string name, double at, string? outcome = "Posted") =>
        Call(at, outcome, false, call => new OccurrenceTriggered(Us(at), call, _schedule.Id, Incarnation, $"{_schedule.Id}\u001F+{name}"));

    /// <summary>The step from the occurrence at a time to the next one.</summary>
    public ScheduleScript Decide(
        long version, double time, double? next, double? at = null, double? claimed = null, bool runs = true, OccurrenceOutcome endsAs = default, int missed = 0, double? scheduledFor = null,
        double? decidedUntil = null, string? outcome = "Run", string? token = null, bool isRefused = false) =>
        Call(at ?? time + 100, outcome, isRefused, call => new OccurrenceDecided(
            Us(at ?? time + 100), call, _schedule.Id, Incarnation, version, Occurrence(time), token ?? $"t{time}", runs, endsAs, missed, Unix(scheduledFor ?? time), Unix(decidedUntil ?? time),
            next is { } following ? Unix(following) : null, token?.Length == 0 ? null : Time(claimed ?? time + 50).UtcTicks));

    /// <summary>The beginning of one that waited, or had begun before.</summary>
    public ScheduleScript Begin(long version, double time, double at, string? outcome = "Run", string? token = null) =>
        Call(at, outcome, false, call => new OccurrenceDecided(
            Us(at), call, _schedule.Id, Incarnation, version, Occurrence(time), token ?? $"t{time}", true, default, 0, 0, 0, null, Time(at).UtcTicks));

    public ScheduleScript Handle(double time, double at, string? token = null, int content = Content) => Add(new OccurrenceHandled(Us(at), Occurrence(time), token ?? $"t{time}", content));

    public ScheduleScript Confirm(double time, double at, string? outcome = "Done", string? token = null) =>
        Call(at, outcome, false, call => new OccurrenceEndSent(Us(at), call, _schedule.Id, Occurrence(time), token ?? $"t{time}"));

    /// <summary>An occurrence that begins in time, is handled and confirmed.</summary>
    public ScheduleScript Run(long version, double time, double? next, double lasts = 100, int content = Content) =>
        Decide(version, time, next).Handle(time, time + 110, content: content).Confirm(time, time + 110 + lasts);

    public ScheduleScript Pause(bool isPaused, double at, string? outcome = "Done") => Call(at, outcome, false, call => new NamespacePauseSent(Us(at), call, isPaused));

    public ScheduleScript Claim(double at) => Add(new OccurrencesClaimed(Us(at + 1), Us(at), 1));

    public ScheduleScript Left(double time) => Add(new FinalOccurrence(Us(3_600_000), Occurrence(time), TimerState.DeadLettered));

    /// <summary>How it stands at the end.</summary>
    public ScheduleScript Final(
        long version, double? next, long started, long missed = 0, long skipped = 0, long replaced = 0, double? queued = null, bool isPaused = false, bool isWaiting = true) =>
        Add(new FinalSchedule(
            Us(3_600_000), _schedule.Id, Incarnation, version, isPaused, next is { } time ? Unix(time) : null, isWaiting, started, missed, skipped, replaced,
            queued is { } waits ? Occurrence(waits) : null));

    public void ShouldPass() => ScheduleChecker.Check(_lines).ShouldBeEmpty();

    /// <summary>One thing is found, and this is what is said of it.</summary>
    public void ShouldFail(string part) => ScheduleChecker.Check(_lines).ShouldHaveSingleItem().ShouldContain(part);

    private static long Us(double at) => (long)(at * 1000);

    private static DateTimeOffset Time(double at) => _start.AddMilliseconds(at);

    private static long Unix(double at) => Time(at).ToUnixTimeMilliseconds();

    private string Occurrence(double time) => ScheduleDeclaration.OccurrenceOf(_schedule.Id, Time(time));

    private ScheduleScript Call(double at, string? outcome, bool isRefused, Func<long, HistoryEntry> sent)
    {
        long call = ++_call;
        Add(sent(call));
        return outcome == Open ? this : Add(new ScheduleCallEnded(Us(at + 1), call, outcome, isRefused));
    }
}
