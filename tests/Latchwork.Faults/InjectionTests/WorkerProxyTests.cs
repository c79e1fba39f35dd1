using Latchwork.Faults.Injection;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Faults.InjectionTests;

/// <summary>The proxy between a worker and its server does what it says: nothing passes that must not, and all goes on when it is healed.</summary>
public sealed class WorkerProxyTests : IAsyncLifetime
{
    private RedisServer _server = null!;
    private WorkerProxy _proxy = null!;
    private RedisStore _store = null!;
    private DistributedTimer _timer = null!;

    public async Task InitializeAsync()
    {
        _server = await RedisServer.StartAsync();
        _proxy = new WorkerProxy(_server.Port);
        _store = await RedisStore.ConnectAsync($"redis://127.0.0.1:{_proxy.Port}?commandTimeout=1m&connectTimeout=1m");
        _timer = new DistributedTimer(_store);
        // The server knows the scripts from now on, so that each call is one command.
        await _timer.PostAsync(0, TimeSpan.FromHours(1), new() { Id = "first" });
        await _timer.PeekAsync("first");
    }

    public async Task DisposeAsync()
    {
        await _timer.DisposeAsync();
        await _store.DisposeAsync();
        await _proxy.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData(Direction.ToServer)]
    [InlineData(Direction.FromServer)]
    public async Task A_stall_holds_back_one_direction_and_loses_nothing(Direction direction)
    {
        _proxy.Stall(direction);
        Task<PostResult> post = _timer.PostAsync(1, TimeSpan.FromHours(1), new() { Id = "id" });
        if (direction == Direction.FromServer) await ArrivedAsync("id");
        post.IsCompleted.ShouldBeFalse();
        _proxy.Heal();
        (await post).Outcome.ShouldBe(PostOutcome.Created);
        _store.Reconnects.ShouldBe(0);
    }

    [Fact]
    public async Task A_cut_lets_vanish_what_is_said_and_its_connections_end_when_it_is_healed()
    {
        _proxy.Cut(Direction.FromServer);
        Task<PostResult> post = _timer.PostAsync(1, TimeSpan.FromHours(1), new() { Id = "id" });
        await ArrivedAsync("id");
        _proxy.Heal();
        (await Should.ThrowAsync<LatchworkStoreException>(post)).Outcome.ShouldBe(StoreOutcome.Unknown);
        (await _timer.PostAsync(2, TimeSpan.FromHours(1), new() { Id = "id" })).Outcome.ShouldBe(PostOutcome.Replaced);
        // More than one, if the client was so quick that its new connection was ended with the old one.
        await Eventually.HoldsAsync(() => _store.Reconnects >= 1, "the client tells of its new connection, after it is used already");
    }

    [Fact]
    public async Task A_throttled_connection_still_passes_all()
    {
        _proxy.Throttle(Direction.Both, bytesPerSecond: 20_000);
        await _timer.PostAsync(new byte[2_000], TimeSpan.FromHours(1), new() { Id = "id" });
        (await _timer.PeekAsync("id"))!.Payload.Length.ShouldBe(2_000);
    }

    [Fact]
    public async Task Whoever_receives_no_notifications_still_gets_all_replies()
    {
        _proxy.DropsNotifications = true;
        var delivered = new TaskCompletionSource();
        await _timer.JoinAsync((_, _) =>
        {
            delivered.TrySetResult();
            return Task.CompletedTask;
        });
        await using RedisStore other = await RedisStore.ConnectAsync(_server.LenientUri);
        await using var poster = new DistributedTimer(other);
        await Eventually.ReadsAsync(
            async () =>
            {
                await poster.PostAsync(1, TimeSpan.FromHours(1));
                await poster.PostAsync(1, TimeSpan.Zero);
                return _proxy.DroppedNotifications;
            },
            dropped => dropped > 0,
            "a notification was left out");
        await delivered.Task.WaitAsync(TimeSpan.FromMinutes(1));
    }

    private async Task ArrivedAsync(string id)
    {
        await using RedisStore direct = await RedisStore.ConnectAsync(_server.LenientUri);
        await using var timer = new DistributedTimer(direct);
        await Eventually.ReadsAsync(() => timer.PeekAsync(id), seen => seen is not null, "the post reached the server");
    }
}
