using Latchwork.Sqlite.Tests.Support;
using Latchwork.Storage;
using Latchwork.Testing;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Locking;

/// <summary>The file does not keep every key that there ever was.</summary>
public sealed class SweepingTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly ManualTimeProvider _clock = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Keys_that_are_over_for_an_hour_are_dropped_by_the_operations_that_follow()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(_folder.Database, new() { TimeProvider = _clock });
        for (int i = 0; i < 50; i++) await RunAsync(store, $"old-{i}");
        Rows().ShouldBe(50);

        _clock.Advance(TimeSpan.FromMinutes(59));
        for (int i = 0; i < 5; i++) await RunAsync(store, $"young-{i}");
        Rows().ShouldBe(55, "they were over only a minute ago or less");

        _clock.Advance(TimeSpan.FromMinutes(10));
        for (int i = 0; i < 10; i++) await RunAsync(store, "one");
        Rows().ShouldBeLessThanOrEqualTo(6 + 50 - 20, "each operation drops two");
    }

    private int Rows() => int.Parse(_folder.Ask("SELECT count(*) FROM locks"), System.Globalization.CultureInfo.InvariantCulture);

    private static async Task RunAsync(SqliteStore store, string name)
    {
        var key = new LockerKey("sweeping", name);
        TimeSpan second = TimeSpan.FromSeconds(1);
        var granted = (await store.Locks.RequestAsync(key, new LockerRequest("n", name, second, second, null, LockOnly: true), default)).ShouldBeOfType<LockGranted>();
        await store.Locks.PublishAsync(key, new LockerPublication(granted.FencingToken, name, LockerOutcomeKind.Null, default, second, second), default);
    }
}
