using Latchwork.Faults.History;
using Latchwork.Faults.Running;
using Shouldly;
using Xunit;

namespace Latchwork.Faults.CheckingTests;

/// <summary>The rows of an application's transactions against a history: what fits is passed, and each thing that does not is found.</summary>
public sealed class OwnRowsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("latchwork-rows-").FullName;
    private readonly HistoryWriter _history;
    private readonly HashSet<string> _posted = ["committed", "unknown"];
    private readonly Dictionary<string, string> _handled = new() { ["committed"] = "t1" };

    public OwnRowsTests() => _history = new HistoryWriter(_folder, "a", "poster");

    public void Dispose()
    {
        _history.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Committed_rolled_back_and_unknown_transactions_fit_what_was_delivered()
    {
        Post("committed", Ending.Answered);
        Post("rolled back", Ending.Refused);
        Post("unknown", Ending.Unknown);
        Claim("committed", "t1");
        Confirm("committed", "t1", Ending.Answered);
        _history.Write(Left("unknown"));
        Compare().ShouldBeEmpty();
    }

    [Fact]
    public void An_event_of_a_transaction_that_was_rolled_back_is_found()
    {
        Post("rolled back", Ending.Refused);
        Claim("rolled back", "t2");
        Compare().ShouldHaveSingleItem().ShouldContain("was not committed, and the event was posted");
    }

    [Theory]
    [InlineData(Ending.Answered)]
    [InlineData(Ending.Unknown)]
    public void A_missing_event_of_a_transaction_that_was_committed_is_found(Ending ending)
    {
        Post("unknown", ending);
        Compare().ShouldHaveSingleItem().ShouldContain("was committed, and the event is missing");
    }

    [Fact]
    public void Rows_that_contradict_the_end_of_their_transaction_are_found()
    {
        Claim("committed", "t1");
        Claim("other", "t2");
        Confirm("committed", "t1", Ending.Refused);
        Confirm("other", "t2", Ending.Answered);
        Compare().Count.ShouldBe(2);
    }

    [Fact]
    public void An_event_that_is_still_there_after_it_was_handled_is_found()
    {
        Claim("committed", "t1");
        Confirm("committed", "t1", Ending.Unknown);
        _history.Write(Left("committed"));
        Compare().ShouldHaveSingleItem().ShouldContain("is still there");
    }

    [Fact]
    public void What_was_under_way_while_writes_could_be_lost_is_not_judged_and_what_came_after_is()
    {
        _history.Write(new FaultStarted(0, 1, "failoverAsynchronous", "store") { LossWindow = 0 });
        Post("lost", Ending.Answered);
        _history.Write(new FaultEnded(3, 1));
        Compare().ShouldBeEmpty();
        Post("missing", Ending.Answered, at: 4);
        Compare().ShouldHaveSingleItem().ShouldContain("missing: its transaction was committed, and its row is not there");
    }

    private List<string> Compare() => [.. new OwnRows(_posted, _handled).Compare(_folder)];

    private static FinalEvent Left(string version) => new(1, "n", version, version, TimerState.DeadLettered, 0, 0);

    private void Post(string version, Ending ending, long at = 1) => Write(new OperationStarted(at, _history.NextOp(), Verb.Post, "n", version) { Version = version, InTransaction = true }, ending);

    private void Confirm(string version, string token, Ending ending) =>
        Write(new OperationStarted(1, _history.NextOp(), Verb.Confirm, "n", version) { Version = version, Token = token, InTransaction = true }, ending);

    private void Claim(string version, string token) => _history.Write(new EventClaimed(1, _history.NextOp(), "n", version, token, version, 0, 0, 0, 1, 1));

    private void Write(OperationStarted start, Ending ending)
    {
        _history.Write(start);
        _history.Write(new OperationEnded(start.At + 1, start.Op, ending));
    }
}
