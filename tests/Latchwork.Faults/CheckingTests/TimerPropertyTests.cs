using Latchwork.Faults.Checking;
using Latchwork.Faults.History;
using Shouldly;
using Xunit;

namespace Latchwork.Faults.CheckingTests;

/// <summary>Made-up histories: the legal ones pass, and each of them is caught once something is changed that no store can have done.</summary>
public sealed class TimerPropertyTests
{
    private const int Seeds = 300;
    private const int Steps = 60;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_store_has_answered_passes(bool withLosses)
    {
        int undecided = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            CheckReport report = HistoryChecker.Check((await new LegalTimerHistory(seed, withLosses).MakeAsync(Steps)).Lines);
            report.ViolationCount.ShouldBe(0, $"seed {seed}: {report}");
            undecided += (int)report.Undecided;
        }

        undecided.ShouldBe(0);
    }

    [Fact]
    public Task An_event_that_vanished_is_caught() => IsCaughtAsync((lines, random) =>
        Pick<FinalEvent>(lines, random) is { } final ? lines.Remove(final) : null);

    [Fact]
    public Task A_delivery_that_is_left_out_is_caught() => IsCaughtAsync((lines, random) =>
        PickConfirm(lines, random) is { } confirm
            ? lines.RemoveAll(line => line.Entry is EventClaimed e && e.Token == confirm.Token && e.Id == confirm.Id)
                .RemoveAll(line => line.Entry is HandlerStarted e && e.Token == confirm.Token && e.Id == confirm.Id)
            : null);

    [Fact]
    public Task A_confirmation_with_another_token_is_caught() => IsCaughtAsync((lines, random) =>
        PickConfirm(lines, random) is { } confirm
            ? lines.ConvertAll(line => line.Entry == confirm ? line with { Entry = confirm with { Token = "other" } } : line)
            : null);

    [Fact]
    public Task A_delivery_after_its_confirmation_is_caught() => IsCaughtAsync((lines, random) =>
    {
        if (PickConfirm(lines, random) is not { } confirm) return null;
        long at = lines.Select(line => line.Entry).OfType<OperationEnded>().Single(end => end.Op == confirm.Op).At;
        HistoryLine claim = lines.First(line => line.Entry is EventClaimed e && e.Token == confirm.Token && e.Id == confirm.Id);
        return lines.Add(claim with { Entry = (EventClaimed)claim.Entry with { At = at + 2, SentAt = at + 1, Op = 100_000, Token = "other" } });
    });

    [Fact]
    public Task A_second_delivery_while_the_first_is_held_is_caught() => IsCaughtAsync((lines, random) =>
    {
        if (PickConfirm(lines, random) is not { } confirm) return null;
        HistoryLine line = lines.First(line => line.Entry is EventClaimed e && e.Token == confirm.Token && e.Id == confirm.Id);
        var claim = (EventClaimed)line.Entry;
        bool isShort = claim.At + 10_000 > claim.SentAt + claim.Lease || confirm.At < claim.At + 10_000;
        bool isAlone = !lines.Exists(other =>
            other.Entry is OperationStarted start && start.Id == claim.Id && start != confirm && start.At < confirm.At + 1_000_000 && start.At > claim.SentAt - 1_000_000);
        if (isShort || !isAlone) return null;
        return lines.Add(line with { Entry = claim with { At = claim.At + 2000, SentAt = claim.At + 1000, Op = 100_000, Token = "other" } });
    });

    [Fact]
    public Task A_delivery_with_one_retry_more_is_caught() => IsCaughtAsync((lines, random) =>
        Pick<EventClaimed>(lines, random) is { } line
            ? lines.Replace(line, line with { Entry = (EventClaimed)line.Entry with { Retries = ((EventClaimed)line.Entry).Retries + 1 } })
            : null);

    [Fact]
    public Task A_delivery_before_its_time_is_caught() => IsCaughtAsync((lines, random) =>
    {
        if (Pick<EventClaimed>(lines, random) is not { } line) return null;
        var claim = (EventClaimed)line.Entry;
        OperationStarted post = lines.Select(other => other.Entry).OfType<OperationStarted>().Single(start => start.Verb == Verb.Post && start.Version == claim.Version);
        bool wasMoved = lines.Exists(other => other.Entry is OperationStarted { Verb: Verb.ChangeDelay or Verb.Requeue } start && start.Id == claim.Id);
        if (claim.Retries > 0 || wasMoved || post.Delay < 100_000) return null;
        long at = post.At + post.Delay!.Value - 5000;
        return lines.Replace(line, line with { Entry = claim with { At = at, SentAt = Math.Min(claim.SentAt, at) } });
    });

    private static async Task IsCaughtAsync(Func<Lines, Random, Lines?> change)
    {
        int changed = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            var lines = new Lines((await new LegalTimerHistory(seed, withLosses: false).MakeAsync(Steps)).Lines);
            if (change(lines, new Random(seed)) is not { } other) continue;
            changed++;
            HistoryChecker.Check(other.All).ViolationCount.ShouldBeGreaterThan(0, $"seed {seed} was changed, and passed");
        }

        changed.ShouldBeGreaterThan(5);
    }

    private static HistoryLine? Pick<T>(Lines lines, Random random)
        where T : HistoryEntry
    {
        HistoryLine[] all = [.. lines.All.Where(line => line.Entry is T)];
        return all.Length == 0 ? null : all[random.Next(all.Length)];
    }

    // A confirmation that was done: it proves that the event was in flight with just this token.
    private static OperationStarted? PickConfirm(Lines lines, Random random)
    {
        HashSet<long> done = [.. lines.Select(line => line.Entry).OfType<OperationEnded>().Where(end => end.Outcome == "Done").Select(end => end.Op)];
        OperationStarted[] confirms = [.. lines.Select(line => line.Entry).OfType<OperationStarted>().Where(start => start.Verb == Verb.Confirm && done.Contains(start.Op))];
        return confirms.Length == 0 ? null : confirms[random.Next(confirms.Length)];
    }

    /// <summary>Lines that are changed into others.</summary>
    private sealed class Lines(IReadOnlyList<HistoryLine> all)
    {
        public IReadOnlyList<HistoryLine> All => all;

        public IEnumerable<T> Select<T>(Func<HistoryLine, T> select) => all.Select(select);

        public HistoryLine First(Func<HistoryLine, bool> which) => all.First(which);

        public bool Exists(Func<HistoryLine, bool> which) => all.Any(which);

        public Lines Add(HistoryLine line) => new([.. all, line]);

        public Lines Remove(HistoryLine line) => RemoveAll(other => other == line);

        public Lines Replace(HistoryLine line, HistoryLine other) => ConvertAll(one => one == line ? other : one);

        public Lines RemoveAll(Func<HistoryLine, bool> which) => new([.. all.Where(line => !which(line))]);

        public Lines ConvertAll(Func<HistoryLine, HistoryLine> change) => new([.. all.Select(change)]);
    }
}
