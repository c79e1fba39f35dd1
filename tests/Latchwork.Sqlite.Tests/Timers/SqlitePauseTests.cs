using Latchwork.Sqlite.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Timers;

public sealed class SqlitePauseTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_pause_is_kept_in_the_file()
    {
        TimerPause pause;
        await using (SqliteStore store = await SqliteStore.OpenAsync(_folder.Database))
        await using (var timer = new DistributedTimer(store, new() { Namespace = "orders" })) pause = await timer.PauseAsync("why", "anna");

        await using SqliteStore again = await SqliteStore.OpenAsync(_folder.Database);
        await using var other = new DistributedTimer(again, new() { Namespace = "orders" });
        (await other.GetStatsAsync()).Pause.ShouldBe(pause);
    }
}
