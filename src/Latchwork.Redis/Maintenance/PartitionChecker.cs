using System.Runtime.CompilerServices;

namespace Latchwork.Redis.Maintenance;

/// <summary>Examines one partition.</summary>
internal sealed class PartitionChecker(RedisTimerStore store, NamespaceRef unit, TimerPartition partition, PartitionNumber number, bool fix)
{
    private const string Node = "latchwork-doctor";

    // What the scripts scan, and how many things each of them can.
    private static readonly (TimerScript Script, int Count)[] _scans = [(TimerScript.CheckBodies, 1), (TimerScript.CheckRecords, 4), (TimerScript.CheckNodes, 4)];

    public async IAsyncEnumerable<StoreFinding> ExamineAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (TimerState state in (TimerState[])[TimerState.Scheduled, TimerState.InFlight, TimerState.DeadLettered])
        {
            (string Id, string Score) last = ("", "");
            while (true)
            {
                RedisReply reply = await SendAsync(TimerScript.CheckStates, cancellationToken, (int)state, last.Score, last.Id, fix ? 1 : 0).ConfigureAwait(false);
                ((string Id, string Score)[] page, (string What, string Name)[] found) = (reply[0].Pairs, reply[1].Pairs);
                foreach (StoreFinding finding in Findings(found)) yield return finding;
                (string Id, string Score)[] strays = [.. page.Where(IsStray).ExceptBy(found.Select(static one => one.Name), static e => e.Id)];
                if (strays.Length > 0)
                {
                    foreach (StoreFinding finding in await MoveAsync(state, strays, cancellationToken).ConfigureAwait(false)) yield return finding;
                }

                if (page.Length == 0) break;
                last = page[^1];
            }
        }

        foreach ((TimerScript script, int which) in _scans.SelectMany(static scan => Enumerable.Range(0, scan.Count).Select(which => (scan.Script, which))))
        {
            string cursor = "0";
            do
            {
                RedisReply reply = await SendAsync(script, cancellationToken, cursor, fix ? 1 : 0, which).ConfigureAwait(false);
                foreach (StoreFinding finding in Findings(reply[1].Pairs)) yield return finding;
                cursor = reply[0].Text;
            }
            while (cursor != "0");
        }
    }

    private ValueTask<RedisReply> SendAsync(TimerScript script, CancellationToken cancellationToken, params ReadOnlySpan<RedisValue> arguments) =>
        store.SendAsync(script, partition, number, cancellationToken, arguments);

    private bool IsStray((string Id, string Score) e) => TimerPartition.Of(partition.Namespace, e.Id, number.From) != partition;

    private IEnumerable<StoreFinding> Findings((string What, string Name)[] found)
    {
        foreach (IGrouping<string, string> group in found.GroupBy(static one => one.What, static one => one.Name))
        {
            StoreProblem problem = group.Key switch
            {
                "missing" => StoreProblem.MissingPayload,
                "several" => StoreProblem.SeveralStates,
                "unleased" => StoreProblem.MissingLease,
                "stuck" => StoreProblem.EndlessLease,
                "over" => StoreProblem.LeaseLongOver,
                "damaged" => StoreProblem.DamagedRecord,
                "orphan" => StoreProblem.OrphanPayload,
                "lost" => StoreProblem.LostNode,
                _ => StoreProblem.LeftoverRecord,
            };
            yield return new StoreFinding(problem, unit, [.. group.Distinct(StringComparer.Ordinal)], fix && problem != StoreProblem.LeaseLongOver);
        }
    }

    /// <summary>
    /// Moves events to where they belong. Those that are scheduled are held first, so that nobody delivers them here and there; they are stored
    /// there only if their id is free, and end here only if they are still held. If this process ends in between they are here once more when the
    /// hold has run out, and may be delivered twice.
    /// </summary>
    private async Task<IReadOnlyList<StoreFinding>> MoveAsync(TimerState state, (string Id, string Score)[] strays, CancellationToken cancellationToken)
    {
        if (!fix || state == TimerState.InFlight)
        {
            string detail = fix ? "in flight: run it again when they are through" : "";
            return [new StoreFinding(StoreProblem.WrongPartition, unit, [.. strays.Select(static e => e.Id)], IsRepaired: false, detail)];
        }

        bool isScheduled = state == TimerState.Scheduled;
        string token = Guid.NewGuid().ToString("N");
        if (isScheduled)
        {
            long lease = TimerCodec.Microseconds(TimeSpan.FromMinutes(1));
            RedisValue[] ids = [.. strays.Select(static e => (RedisValue)e.Id)];
            RedisReply reply = await SendAsync(TimerScript.TakeEvents, cancellationToken, [token, Node, lease, .. ids]).ConfigureAwait(false);
            bool[] held = TimerCodec.Outcomes(reply, static digit => digit == 0);
            strays = [.. strays.Where((_, i) => held[i])];
        }

        List<string> moved = [], taken = [];
        for (int next = 0; next < strays.Length;)
        {
            string[] rest = [.. strays[next..].Select(static e => e.Id)];
            (int count, List<string> written, List<string> refused) =
                await RawEvent.MoveAsync(store, partition, number, number.From, rest, e => Freed(e) with { Replace = false }, cancellationToken).ConfigureAwait(false);
            next += count;
            moved.AddRange(written);
            taken.AddRange(refused);
        }

        RedisValue[] first = isScheduled ? [0, 0, 0] : []; // no history: they are not completed, they go elsewhere
        if (moved.Count > 0) await SendAsync(isScheduled ? TimerScript.Confirm : TimerScript.Purge, cancellationToken, [.. first, .. WithMarks(moved)]).ConfigureAwait(false);
        if (isScheduled && taken.Count > 0) await SendAsync(TimerScript.Release, cancellationToken, [store.ChannelOf(partition), .. WithMarks(taken)]).ConfigureAwait(false);

        const string Twice = "their ids are in the right partition, too: cancel them there, or let these fire";
        List<StoreFinding> findings = [];
        if (moved.Count > 0) findings.Add(new StoreFinding(StoreProblem.WrongPartition, unit, moved, IsRepaired: true));
        if (taken.Count > 0) findings.Add(new StoreFinding(StoreProblem.WrongPartition, unit, taken, IsRepaired: false, Twice));
        return findings;

        RawEvent Freed(RawEvent held) => isScheduled ? held.Scheduled() : held;

        string ScoreOf(string id) => Array.Find(strays, e => e.Id == id).Score;

        // With what they must still have to be ended: the token by which they are held, or the time of their death.
        RedisValue[] WithMarks(List<string> ids) => [.. ids.SelectMany(id => (RedisValue[])[id, isScheduled ? token : $"={ScoreOf(id)}"])];
    }
}
