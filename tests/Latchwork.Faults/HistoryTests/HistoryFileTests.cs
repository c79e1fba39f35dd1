using Latchwork.Faults.History;
using Shouldly;
using Xunit;

namespace Latchwork.Faults.HistoryTests;

public sealed class HistoryFileTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("latchwork-history-").FullName;

    [Fact]
    public void What_is_written_is_read_back()
    {
        HistoryEntry[] written =
        [
            new OperationStarted(1, 1, Verb.Post, "ns", "a") { Version = "p-1", Delay = 5_000_000, IfExists = IfExists.Keep, MaxRetries = 3 },
            new OperationEnded(2, 1, Ending.Answered) { Outcome = "Created" },
            new EventClaimed(3, 2, "ns", "a\nü", "token", "p-1", 1, 3, 17, 2, 10_000_000),
            new HandlerStarted(4, "ns", "a", "token", "p-1", 1, 3, 9_000_000, 17),
            new HandlerEnded(5, "ns", "a", "token", CodeResult.Stopped),
            new FaultStarted(6, 1, "failover", "store") { Outage = true, LossWindow = 2_000_000 },
            new FinalEvent(7, "ns", "a", "p-1", TimerState.DeadLettered, 3, 0) { Reason = DeadLetterReason.LeaseExpired },
        ];
        using (var writer = new HistoryWriter(_directory, "poster-1", "poster"))
        {
            writer.Write(written[0]);
            writer.Write(written[1..]);
        }

        List<HistoryEntry> read = [.. new HistoryReader(_directory).Read("poster-1")];
        read[0].ShouldBeOfType<ProcessStarted>().Role.ShouldBe("poster");
        read[1..^1].ShouldBe(written);
        read[^1].ShouldBeOfType<ProcessEnded>();
    }

    [Fact]
    public void A_torn_last_line_is_left_out()
    {
        new HistoryWriter(_directory, "a", "x").Dispose();
        string path = Path.Combine(_directory, "a.jsonl");
        File.AppendAllText(path, """{"k":"opEnd","at":5,"op":1,"end""");
        new HistoryReader(_directory).Read("a").Count().ShouldBe(2);
    }

    [Fact]
    public void A_damaged_line_in_the_middle_is_an_error()
    {
        new HistoryWriter(_directory, "a", "x").Dispose();
        File.AppendAllText(Path.Combine(_directory, "a.jsonl"), "{\"k\":\"op\n{\"k\":\"clock\",\"at\":1,\"unixTime\":2}\n");
        Should.Throw<InvalidDataException>(() => new HistoryReader(_directory).Read("a").Count()).Message.ShouldContain("Line 3");
    }

    [Fact]
    public void The_files_of_a_run_are_merged_by_time()
    {
        using (var a = new HistoryWriter(_directory, "a", "x"))
        using (var b = new HistoryWriter(_directory, "b", "x"))
        {
            a.Write(new ClockSample(long.MaxValue - 1, 0));
            b.Write(new ClockSample(long.MaxValue - 2, 0));
        }

        IReadOnlyList<HistoryLine> merged = new HistoryReader(_directory).ReadMerged();
        merged.Select(line => line.Entry.At).ShouldBeInOrder();
        merged[^1].Process.ShouldBe("a");
    }

    [Fact]
    public void A_version_survives_its_filling_and_damage_is_seen()
    {
        byte[] payload = EventVersion.ToPayload("p-1", 100);
        payload.Length.ShouldBe(104);
        EventVersion.Of(payload).ShouldBe("p-1");
        payload[50] = 0;
        EventVersion.Of(payload).ShouldStartWith("(damaged)");
        EventVersion.Of("no line feed"u8).ShouldStartWith("(no version)");
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
