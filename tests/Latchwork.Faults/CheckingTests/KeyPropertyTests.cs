using Latchwork.Faults.Checking;
using Latchwork.Faults.History;
using Shouldly;
using Xunit;

namespace Latchwork.Faults.CheckingTests;

/// <summary>Made-up histories of a key: the legal ones pass, and changes that no store can have made are caught.</summary>
public sealed class KeyPropertyTests
{
    private const int Seeds = 300;
    private const int Steps = 80;

    [Fact]
    public async Task What_a_store_has_answered_passes()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            CheckReport report = HistoryChecker.Check((await new LegalKeyHistory(seed).MakeAsync(Steps)).Lines);
            report.ViolationCount.ShouldBe(0, $"seed {seed}: {report}");
        }
    }

    [Fact]
    public Task A_fencing_token_that_falls_back_is_caught() => IsCaughtAsync((lines, random) =>
    {
        HistoryLine[] grants = [.. lines.Where(line => line.Entry is OperationEnded { Outcome: "Granted" }).OrderBy(line => line.Entry.At)];
        if (grants.Length < 3) return null;
        HistoryLine last = grants[^1];
        long first = ((OperationEnded)grants[0].Entry).FencingToken!.Value;
        return Change(lines, last, (OperationEnded)last.Entry with { FencingToken = first - 1 });
    });

    [Fact]
    public Task An_outcome_that_nobody_published_is_caught() => IsCaughtAsync((lines, random) =>
    {
        HistoryLine[] seen = [.. lines.Where(line => line.Entry is OperationEnded { Outcome: "Outcome" })];
        if (seen.Length == 0) return null;
        HistoryLine one = seen[random.Next(seen.Length)];
        return Change(lines, one, (OperationEnded)one.Entry with { Value = "v:other" });
    });

    [Fact]
    public Task A_refusal_of_what_was_seen_is_caught() => IsCaughtAsync((lines, random) =>
    {
        OperationEnded[] seen = [.. lines.Select(line => line.Entry).OfType<OperationEnded>().Where(end => end.Outcome == "Outcome")];
        if (seen.Length == 0) return null;
        string value = seen[random.Next(seen.Length)].Value!;
        HashSet<long> attempts = [.. lines.Select(line => line.Entry).OfType<OperationStarted>().Where(start => start.Verb == Verb.LockPublish && start.Value == value).Select(start => start.Op)];
        return [.. lines.Select(line => line.Entry is OperationEnded end && attempts.Contains(end.Op)
            ? line with { Entry = end with { Ending = Ending.Answered, Outcome = "Superseded" } }
            : line)];
    });

    [Fact]
    public Task A_second_owner_is_caught() => IsCaughtAsync((lines, random) =>
    {
        OperationStarted[] requests = [.. lines.Select(line => line.Entry).OfType<OperationStarted>().Where(start => start.Verb == Verb.LockRequest)];
        foreach (OperationStarted request in requests.OrderBy(_ => random.Next()))
        {
            OperationEnded? granted = lines.Select(line => line.Entry).OfType<OperationEnded>().FirstOrDefault(end => end.Op == request.Op && end.Outcome == "Granted");
            if (granted is null || granted.At + 20_000 > request.At + request.Lease) continue;
            bool isDisturbed = lines.Any(line => line.Entry is OperationStarted other && other.At < granted.At + 20_000
                && (other.Verb == Verb.LockForget || (other.Token == request.Token && other.Op != request.Op)));
            if (isDisturbed) continue;
            return
            [
                .. lines,
                new HistoryLine("q", request with { At = granted.At + 1000, Op = 100_000, Token = "other" }),
                new HistoryLine("q", granted with { At = granted.At + 2000, Op = 100_000, FencingToken = granted.FencingToken + 1 }),
            ];
        }

        return null;
    });

    private static IReadOnlyList<HistoryLine> Change(IReadOnlyList<HistoryLine> lines, HistoryLine line, HistoryEntry entry) =>
        [.. lines.Select(one => one == line ? one with { Entry = entry } : one)];

    private static async Task IsCaughtAsync(Func<IReadOnlyList<HistoryLine>, Random, IReadOnlyList<HistoryLine>?> change)
    {
        int changed = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            if (change((await new LegalKeyHistory(seed).MakeAsync(Steps)).Lines, new Random(seed)) is not { } lines) continue;
            changed++;
            HistoryChecker.Check(lines).ViolationCount.ShouldBeGreaterThan(0, $"seed {seed} was changed, and passed");
        }

        changed.ShouldBeGreaterThan(5);
    }
}
