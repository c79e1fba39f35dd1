using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Engine;

/// <content>The table of states of docs/schedules.md: missed or not × occupied or not × policies. Each cell is a test.</content>
public abstract partial class EngineScheduleSuite
{
    public static TheoryData<MisfirePolicy, bool, string, OverlapPolicy> States()
    {
        var all = new TheoryData<MisfirePolicy, bool, string, OverlapPolicy>();
        foreach (MisfirePolicy misfire in Enum.GetValues<MisfirePolicy>())
        {
            foreach (bool isMissed in new[] { false, true })
            {
                foreach (string occupied in new[] { "free", "in flight", "retry" })
                {
                    foreach (OverlapPolicy overlap in Enum.GetValues<OverlapPolicy>()) all.Add(misfire, isMissed, occupied, overlap);
                }
            }
        }

        return all;
    }

    [Theory]
    [MemberData(nameof(States))]
    public async Task Each_state_has_its_outcome(MisfirePolicy misfire, bool isMissed, string occupied, OverlapPolicy overlap)
    {
        // The occurrence of minute 0 makes the state: it is through, runs, or waits for a retry.
        DistributedTimer other = Undisturbed();
        var ends = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Node occupant = await JoinAsync(
            (_, _) => occupied switch
            {
                "free" => Task.CompletedTask,
                "in flight" => ends.Task,
                _ => throw new TimeoutException("again"),
            },
            o => (o.MaxInFlight, o.Backoff) = (1, new() { Initial = TimeSpan.FromHours(1), Max = TimeSpan.FromHours(1), Jitter = 0 }));
        await other.Schedules.AddOrUpdateAsync(Id, _minutes, "x"u8.ToArray(), new() { Misfire = misfire, Overlap = overlap, MaxRetries = 5 });
        await MoveToAsync(0);
        await NthAsync(occupant, 1);
        if (occupied != "in flight")
        {
            await RestsAsync(other);
            await occupant.Timer.LeaveAsync();
        }

        // Then minute 1 comes: with a node that waits for it, or with none until half a minute after minute 3.
        if (isMissed) await MoveToAsync(3, seconds: 30);
        var goesOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Node node = await JoinAsync((_, _) => goesOn.Task);
        if (!isMissed) await MoveToAsync(1);

        // What is to come of it, by the table.
        int[] due = !isMissed ? [1] : misfire switch
        {
            MisfirePolicy.Latest => [3],
            MisfirePolicy.Skip => [],
            _ => [1, 2, 3],
        };
        int missed = !isMissed ? 0 : misfire switch
        {
            MisfirePolicy.Latest => 2,
            MisfirePolicy.Skip => 3,
            _ => 0,
        };
        int[] runs = overlap == OverlapPolicy.Allow ? due : occupied == "free" ? [.. due.Take(1)] : [];
        int[] left = [.. due.Except(runs)];
        int? queued = overlap == OverlapPolicy.Queue && left.Length > 0 ? left[^1] : null;
        int skipped = overlap == OverlapPolicy.Skip ? left.Length : 0;
        int replaced = overlap == OverlapPolicy.Queue ? Math.Max(0, left.Length - 1) : 0;

        ScheduleSnapshot snapshot = (await ReadsAsync(
            () => other.Schedules.GetAsync(Id),
            one => one!.Next == _first.AddMinutes(isMissed ? 4 : 2) && one.Started == 1 + runs.Length,
            "the chain is in the future")).ShouldNotBeNull();
        (snapshot.Missed, snapshot.Skipped, snapshot.Replaced).ShouldBe((missed, skipped, replaced));
        snapshot.QueuedId.ShouldBe(queued is null ? null : IdAt(isMissed && misfire == MisfirePolicy.Latest ? 1 : queued.Value));
        await ComesAsync(() => node.Got.Count == runs.Length, "what is to run runs");
        node.Got.Select(delivery => delivery.Headers["latchwork-scheduled-for"]).ShouldBe(runs.Select(At), ignoreOrder: true);

        // And when all that runs has ended, the one that waits runs.
        goesOn.SetResult();
        ends.SetResult();
        if (occupied == "retry") (await other.CancelAsync(IdAt(0))).ShouldBe(TimerOutcome.Done);
        int total = runs.Length + (queued is null ? 0 : 1);
        await ComesAsync(() => node.Got.Count + occupant.Got.Count - 1 == total, "the one that waited runs");
        if (queued is { } last) node.Got.Concat(occupant.Got).Select(delivery => delivery.Headers["latchwork-scheduled-for"]).ShouldContain(At(last));
        await RestsAsync(other);
        (await other.Schedules.GetAsync(Id))!.Started.ShouldBe(1 + total);
        Errors.Where(error => error.Exception is not TimeoutException { Message: "again" }).ShouldBeEmpty();
    }
}
