using System.Diagnostics;
using Latchwork.Sqlite.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Processes;

/// <summary>A service in a rolling deploy: a process with a host of its own, its defaults, and a SIGTERM.</summary>
[Collection(ProcessTests.Name)]
[Trait("Process", "own")]
public sealed class ShutdownTests : IDisposable
{
    private const string Namespace = "deploy";
    private readonly TestFolder _folder = new();

    private string Database => _folder.Database;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_host_whose_handlers_obey_stops_soon_and_what_was_interrupted_is_back_with_no_retry_spent()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(Database);
        await using var timer = new DistributedTimer(store, new() { Namespace = Namespace });
        await using WorkerProcess node = await WorkerProcess.StartHostAsync(Database, Namespace);
        foreach (string id in (string[])["obeys", "finishes"]) await timer.PostAsync("x", TimeSpan.Zero, new() { Id = id, MaxRetries = 0 });
        foreach (string id in (string[])["obeys", "finishes"]) await node.ReadAsync("got", id);

        TimeSpan took = await TerminateAsync(node);

        took.ShouldBeLessThan(TimeSpan.FromSeconds(15)); // its shutdown time is not waited for
        node.Find("told", "obeys", "NodeLeaving").ShouldNotBeNull();
        TimerSnapshot back = (await timer.PeekAsync("obeys")).ShouldNotBeNull();
        (back.State, back.Retries, back.Interruptions).ShouldBe((TimerState.Scheduled, 0, 1));
        (await timer.PeekAsync("finishes")).ShouldNotBeNull().State.ShouldBe(TimerState.Completed, "it was confirmed");
    }

    [Fact]
    public async Task A_host_whose_handler_never_ends_stops_within_25_seconds()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(Database);
        await using var timer = new DistributedTimer(store, new() { Namespace = Namespace });
        await using WorkerProcess node = await WorkerProcess.StartHostAsync(Database, Namespace);
        foreach (string id in (string[])["obeys", "never ends"]) await timer.PostAsync("x", TimeSpan.Zero, new() { Id = id, MaxRetries = 3 });
        foreach (string id in (string[])["obeys", "never"]) await node.ReadAsync("got", id);

        Task<TimeSpan> ending = TerminateAsync(node);
        await node.ReadAsync("told", "obeys");
        await Eventually.ReadsAsync(() => timer.PeekAsync("obeys"), one => one!.State == TimerState.Scheduled, "what obeyed is back long before the process has ended");
        ending.IsCompleted.ShouldBeFalse();
        (await ending).ShouldBeInRange(TimeSpan.FromSeconds(14), TimeSpan.FromSeconds(25));
        (await timer.PeekAsync("never ends"))!.State.ShouldBe(TimerState.InFlight); // left to its lease
    }

    private static async Task<TimeSpan> TerminateAsync(WorkerProcess node)
    {
        long began = Stopwatch.GetTimestamp();
        node.Terminate();
        await node.EndedAsync();
        TimeSpan took = Stopwatch.GetElapsedTime(began);
        node.Find("stopped").ShouldNotBeNull();
        return took;
    }
}
