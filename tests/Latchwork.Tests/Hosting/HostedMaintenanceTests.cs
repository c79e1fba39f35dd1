using Latchwork.Storage;
using Latchwork.Threading;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Hosting;

/// <summary>Maintenance of a store that is opened in the background.</summary>
public sealed class HostedMaintenanceTests
{
    [Fact]
    public async Task A_store_without_maintenance_refuses_it_by_name_once_it_is_open()
    {
        await using var app = new TestApp();
        app.Services.AddLatchwork().UseStore("Late", (_, _) => new LateSource(static () => new InMemoryStore()));
        IStoreMaintenance maintenance = app.Get<LatchworkStore>().Maintenance.ShouldNotBeNull();
        (await Should.ThrowAsync<NotSupportedException>(() => maintenance.ListAsync(default))).Message.ShouldContain("memory:");
        await Should.ThrowAsync<NotSupportedException>(async () => await maintenance.ExamineAsync(null, fix: false, default).ToListAsync());
        app.Get<LatchworkStore>().Maintenance.ShouldBeNull();
    }

    [Fact]
    public async Task A_step_after_the_store_was_opened_leaves_its_thread_too()
    {
        await using var app = new TestApp();
        var answer = new TaskCompletionSource<object>();
        app.Services.AddLatchwork().UseStore("Late", (_, _) => new LateSource(() => new MaintainedStore(answer.Task)));
        LatchworkStore store = app.Get<LatchworkStore>();
        await store.CheckAsync();

        Task<bool> continued = store.Maintenance.ShouldNotBeNull().ListAsync(default)
            .ContinueWith(static _ => CallerThread.IsShared, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        var thread = new Thread(() => answer.SetResult(Array.Empty<NamespaceRef>()));
        thread.Start();

        (await continued).ShouldBeFalse();
        thread.Join();
    }

    private sealed class LateSource(Func<LatchworkStore> open) : LatchworkStoreSource
    {
        public override string Description => "late://";

        public override IReadOnlyList<string> Failures => [];

        public override async Task<LatchworkStore> OpenAsync(CancellationToken cancellationToken)
        {
            await Task.Yield();
            return open();
        }
    }

    /// <summary>A store whose maintenance answers on the thread that completes a task.</summary>
    private sealed class MaintainedStore(Task<object> answer) : LatchworkStore
    {
        private readonly InMemoryStore _inner = new();

        public override ITimerStore Timers => _inner.Timers;

        public override ILockerStore Locks => _inner.Locks;

        public override string Description => _inner.Description;

        public override IStoreMaintenance Maintenance { get; } = new AnsweringMaintenance(answer);

        public override ValueTask DisposeAsync() => _inner.DisposeAsync();
    }

    private sealed class AnsweringMaintenance(Task<object> answer) : DelegatingStoreMaintenance
    {
        public override string Place => "late://";

        public override IAsyncEnumerable<StoreFinding> ExamineAsync(string? ns, bool fix, CancellationToken cancellationToken) => throw new NotSupportedException();

        protected override async Task<T> PassAsync<T>(Func<IStoreMaintenance, Task<T>> call, CancellationToken cancellationToken) => (T)await answer.ConfigureAwait(false);
    }
}
