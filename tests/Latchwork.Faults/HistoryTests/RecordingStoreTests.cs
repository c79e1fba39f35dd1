using System.Text;
using Latchwork.Faults.History;
using Shouldly;
using Xunit;

namespace Latchwork.Faults.HistoryTests;

public sealed class RecordingStoreTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("latchwork-history-").FullName;

    [Fact]
    public async Task A_delivery_and_its_end_are_recorded()
    {
        using (var history = new HistoryWriter(_directory, "a", "listener"))
        {
            await using var store = new RecordingStore(new InMemoryStore(), history);
            await using var timer = new DistributedTimer(store, new() { Namespace = "n" });
            var delivered = new TaskCompletionSource();
            await timer.JoinAsync((delivery, _) =>
            {
                delivered.TrySetResult();
                return Task.CompletedTask;
            });
            await timer.PostAsync(EventVersion.ToPayload("v1"), TimeSpan.Zero, new() { Id = "e" });
            await delivered.Task.WaitAsync(TimeSpan.FromSeconds(30));
            await timer.LeaveAsync();
        }

        HistoryEntry[] entries = [.. new HistoryReader(_directory).Read("a")];
        EventClaimed claimed = entries.OfType<EventClaimed>().ShouldHaveSingleItem();
        (claimed.Id, claimed.Version, claimed.Retries).ShouldBe(("e", "v1", 0));
        entries.OfType<OperationStarted>().ShouldContain(start => start.Op == claimed.Op && start.Verb == Verb.Claim && start.Token == claimed.Token);
        OperationStarted confirm = entries.OfType<OperationStarted>().Single(start => start.Verb == Verb.Confirm);
        (confirm.Id, confirm.Token).ShouldBe(("e", claimed.Token));
        entries.OfType<OperationEnded>().Single(end => end.Op == confirm.Op).Outcome.ShouldBe("Done");
    }

    [Fact]
    public async Task A_run_of_a_key_is_recorded()
    {
        using (var history = new HistoryWriter(_directory, "a", "locker"))
        {
            await using var store = new RecordingStore(new InMemoryStore(), history);
            await using var locker = new ProcessLocker(store, new() { Namespace = "n" });
            await locker.RunOnceAsync("k", (_, _) => Task.FromResult<byte[]?>(Encoding.UTF8.GetBytes("r1")));
        }

        HistoryEntry[] entries = [.. new HistoryReader(_directory).Read("a")];
        OperationStarted request = entries.OfType<OperationStarted>().First(start => start.Verb == Verb.LockRequest);
        long? fencingToken = entries.OfType<OperationEnded>().Single(end => end.Op == request.Op).FencingToken;
        OperationStarted publish = entries.OfType<OperationStarted>().Single(start => start.Verb == Verb.LockPublish);
        (publish.FencingToken, publish.Value, publish.Token).ShouldBe((fencingToken, "v:r1", request.Token));
        entries.OfType<OperationEnded>().Single(end => end.Op == publish.Op).Outcome.ShouldBe("Accepted");
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
