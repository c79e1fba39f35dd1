using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Locking;

/// <summary>On which threads, and in which context, the code of users runs.</summary>
public abstract class LockerThreadsSuite(StoreFixture fixture) : LockerNodesSuite(fixture)
{
    private const int Callers = 4;

    // What a user awaits, at the first node; one locker is the caller's own.
    private static readonly Dictionary<string, Func<ProcessLocker, string, ProcessLocker, Task>> _awaited = new()
    {
        ["request"] = static (node, key, _) => node.RequestAsync(key),
        ["run"] = static (node, key, _) => node.RunOnceAsync(key, static (_, _) => Task.FromResult(1)),
        ["publish"] = static async (node, key, _) => await (await node.AcquireAsync(key).ConfigureAwait(false)).PublishAsync(1).ConfigureAwait(false),
        ["fail"] = static async (node, key, _) => await (await node.AcquireAsync(key).ConfigureAwait(false)).FailAsync("kind", "message").ConfigureAwait(false),
        ["acquire"] = static (node, key, _) => node.AcquireAsync(key),
        ["try acquire"] = static (node, key, _) => node.TryAcquireAsync(key),
        ["release"] = static async (node, key, _) => await (await node.AcquireAsync(key).ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false),
        ["try get"] = static (node, key, _) => node.TryGetAsync(key),
        ["peek"] = static (node, key, _) => node.PeekAsync(key),
        ["forget"] = static (node, key, _) => node.ForgetAsync(key),
        ["dispose"] = static async (_, key, own) =>
        {
            await own.AcquireAsync(key).ConfigureAwait(false);
            await own.DisposeAsync().ConfigureAwait(false);
        },
    };

    public static TheoryData<string> Awaited => [.. _awaited.Keys];

    /// <summary>The answers come together; what goes on with one of them may take as long as it likes.</summary>
    [Theory]
    [MemberData(nameof(Awaited))]
    public Task Code_that_blocks_after_its_answer_holds_up_nobody_elses(string way) => MeetAsync(async (node, key, own, meet) =>
    {
        await _awaited[way](node, key, own).ConfigureAwait(false);
        meet();
    });

    [Fact]
    public Task A_factory_that_blocks_holds_up_nobody_elses() => MeetAsync((node, key, _, meet) => node.RunOnceAsync(key, (_, _) =>
    {
        meet();
        return Task.FromResult(1);
    }));

    // Each caller has to meet the others before it goes on, so each needs a thread of its own.
    private async Task MeetAsync(Func<ProcessLocker, string, ProcessLocker, Action, Task> call)
    {
        ProcessLocker node = NewNode();
        (await node.TryGetAsync("k")).ShouldBeNull("it is open from here on");
        ProcessLocker[] own = [.. Enumerable.Range(0, Callers).Select(_ => NewNode())];
        using var all = new Barrier(Callers);
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(i => Task.Run(() => call(node, $"k{i}", own[i], Meet)))).WaitAsync(TestTimeout);

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
