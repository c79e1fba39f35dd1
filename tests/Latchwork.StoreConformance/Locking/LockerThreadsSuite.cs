using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Locking;

/// <summary>On which threads, and in which context, the code of users runs.</summary>
public abstract class LockerThreadsSuite(StoreFixture fixture) : LockerNodesSuite(fixture)
{
    private const int Callers = 4;

    /// <summary>What a user awaits, or gives.</summary>
    public static TheoryData<string> Ways => ["request", "run", "factory", "publish", "fail", "acquire", "try acquire", "release", "try get", "peek", "forget", "dispose"];

    /// <summary>The answers come together; what goes on with one of them may take as long as it likes.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Code_that_blocks_after_its_answer_holds_up_nobody_elses(string way)
    {
        ProcessLocker node = NewNode();
        (await node.TryGetAsync("k")).ShouldBeNull("it is open from here on");
        ProcessLocker[] others = [.. Enumerable.Range(0, Callers).Select(_ => NewNode())];
        using var all = new Barrier(Callers);
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(i => Task.Run(() => CallAsync($"k{i}", others[i])))).WaitAsync(TestTimeout);

        async Task CallAsync(string key, ProcessLocker other)
        {
            switch (way)
            {
                case "request":
                    await node.RequestAsync(key).ConfigureAwait(false);
                    break;
                case "run":
                    await node.RunOnceAsync(key, static (_, _) => Task.FromResult(1)).ConfigureAwait(false);
                    break;
                case "factory":
                    await node.RunOnceAsync(key, (_, _) =>
                    {
                        Meet();
                        return Task.FromResult(1);
                    }).ConfigureAwait(false);
                    return;
                case "publish":
                    await (await node.AcquireAsync(key).ConfigureAwait(false)).PublishAsync(1).ConfigureAwait(false);
                    break;
                case "fail":
                    await (await node.AcquireAsync(key).ConfigureAwait(false)).FailAsync("kind", "message").ConfigureAwait(false);
                    break;
                case "acquire":
                    await node.AcquireAsync(key).ConfigureAwait(false);
                    break;
                case "try acquire":
                    await node.TryAcquireAsync(key).ConfigureAwait(false);
                    break;
                case "release":
                    await (await node.AcquireAsync(key).ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
                    break;
                case "try get":
                    await node.TryGetAsync(key).ConfigureAwait(false);
                    break;
                case "peek":
                    await node.PeekAsync(key).ConfigureAwait(false);
                    break;
                case "forget":
                    await node.ForgetAsync(key).ConfigureAwait(false);
                    break;
                case "dispose":
                    await other.AcquireAsync(key).ConfigureAwait(false);
                    await other.DisposeAsync().ConfigureAwait(false);
                    break;
            }

            Meet();
        }

        void Meet() => all.SignalAndWait(TestTimeout).ShouldBeTrue("each has a thread of its own");
    }

    [Fact]
    public async Task A_factory_runs_in_the_context_of_the_call_that_gave_it()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        var local = new AsyncLocal<string>();
        WorkLease held = (await b.RequestAsync("k")).Lease!;
        using var source = new CancellationTokenSource();
        Task<string> first = CallAsync("first", source.Token);
        await WaitersAsync(a, "k", 1);
        Task<string> second = CallAsync("second", CancellationToken.None);
        await WaitersAsync(a, "k", 2);
        await source.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(first);
        await held.DisposeAsync();
        (await second.WaitAsync(TestTimeout)).ShouldBe("second", "not that of the one who was there first, and is gone");

        Task<string> CallAsync(string name, CancellationToken cancellationToken) => Task.Run(
            () =>
            {
                local.Value = name;
                return a.RunOnceAsync("k", async (_, _) =>
                {
                    await Task.Yield();
                    return local.Value;
                }, cancellationToken: cancellationToken);
            },
            CancellationToken.None);
    }

    [Fact]
    public async Task A_token_that_was_handed_out_is_still_the_one_when_it_has_fired()
    {
        ProcessLocker node = NewNode();
        WorkLease lease = await node.AcquireAsync("k");
        CancellationToken lost = lease.Lost;
        lost.IsCancellationRequested.ShouldBeFalse();
        await node.ForgetAsync("k");
        await Eventually.HoldsAsync(() => lost.IsCancellationRequested, "the owner is told");
        lease.Lost.ShouldBe(lost, "else 'when (e.CancellationToken == lease.Lost)' is false");
    }

    [Fact]
    public async Task Work_that_is_being_stopped_when_its_locker_is_disposed_keeps_its_key_until_it_has_ended()
    {
        ProcessLocker a = NewNode(), b = NewNode();
        using var source = new CancellationTokenSource();
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously), go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<int> call = a.RunOnceAsync("k", async (_, _) =>
        {
            begun.SetResult();
            await go.Task;
            return 1;
        }, cancellationToken: source.Token);
        await begun.Task.WaitAsync(TestTimeout);
        await source.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(call);
        Task disposed = a.DisposeAsync().AsTask();
        (await b.TryAcquireAsync("k")).ShouldBeNull("the work still runs");
        disposed.IsCompleted.ShouldBeFalse();
        go.SetResult();
        await disposed.WaitAsync(TestTimeout);
        await using WorkLease? free = await b.TryAcquireAsync("k");
        free.ShouldNotBeNull();
    }
}
