using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Latchwork.Redis.Maintenance;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Connecting;

/// <summary>The user of docs/redis.md, taken from there word for word.</summary>
public sealed partial class LeastRightsTests : IAsyncLifetime
{
    /// <summary>What the connection itself sends; scripts send the rest.</summary>
    private static readonly string[] _connection =
    [
        "evalsha", "eval", "subscribe", "unsubscribe", "select", "ping", "echo", "client|setname", "client|id", "cluster|nodes", "cluster|slots", "wait", "info", "command|info",
        "config|get",
    ];

    private RedisServer _server = null!;

    public async Task InitializeAsync() => _server = await RedisServer.StartAsync(new() { Password = "admin" });

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public void The_documented_rights_are_what_the_scripts_and_the_connection_use_and_no_more()
    {
        string scripts = Path.Combine(Root(), "src", "Latchwork.Redis", "Scripts");
        IEnumerable<string> used = Directory.EnumerateFiles(scripts, "*.lua", SearchOption.AllDirectories)
            .SelectMany(file => Command().Matches(File.ReadAllText(file)))
            .Select(match => match.Groups[1].Value.ToLowerInvariant());
        string[] granted = [.. Line().Where(word => word[0] == '+').Select(word => word[1..])];
        granted.Order().ShouldBe(used.Where(command => command != "command").Concat(_connection).Distinct().Order());
        ServerCheck.Commands.Select(name => name.ToLowerInvariant()).ShouldBe(used.Except(["command", "info"]).Distinct().Order(), "the check asks for them");
    }

    [Fact]
    public async Task The_documented_user_can_do_everything_and_is_never_denied_anything()
    {
        (await _server.CommandAsync(Line())).ShouldBe("OK");
        if (await _server.VersionAsync() >= new Version(7, 2)) await _server.CommandAsync("ACL", "SETUSER", "latchwork", "+client|setinfo");
        await using RedisStore store = await RedisStore.ConnectAsync($"redis://latchwork:SECRET@127.0.0.1:{_server.Port}?commandTimeout=1m&connectTimeout=1m");
        await using (var timer = new DistributedTimer(store, new() { Namespace = "orders" }))
        {
            var fired = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            await timer.JoinAsync((delivery, _) =>
            {
                if (delivery.Id == "bad") throw new InvalidOperationException("bad");
                fired.TrySetResult(delivery.Id);
                return Task.CompletedTask;
            });
            await timer.PostAsync(new byte[] { 1 }, TimeSpan.FromHours(1), new() { Id = "later" });
            await timer.ChangeDelayAsync("later", TimeSpan.FromHours(2));
            (await timer.PeekAsync("later")).ShouldNotBeNull();
            await timer.PostAsync(new byte[] { 1 }, TimeSpan.Zero, new() { Id = "now" });
            await timer.PostAsync(new byte[] { 1 }, TimeSpan.Zero, new() { Id = "bad", MaxRetries = 0 });
            (await fired.Task.WaitAsync(TimeSpan.FromSeconds(60))).ShouldBe("now");
            (await timer.UpcomingAsync().ToListAsync()).ShouldContain(e => e.Id == "later");
            (await timer.CancelAsync("later")).ShouldBe(TimerOutcome.Done);
            await Eventually.ReadsAsync(async () => (await timer.GetStatsAsync()).DeadLetters, static dead => dead == 1, "the bad one is dead");
            (await timer.DeadLetters.ListAsync().ToListAsync()).ShouldHaveSingleItem();
            await timer.DeadLetters.RequeueAsync("bad", TimeSpan.FromHours(1));
            await timer.DeadLetters.PurgeAllAsync();
            await timer.GetNodesAsync();
            await timer.LeaveAsync();
        }

        (await store.Timers.NamespacesAsync(default)).ShouldBe(["orders"]);
        await using (var locker = new ProcessLocker(store))
        {
            (await locker.RunOnceAsync("key", (_, _) => Task.FromResult("done"), new() { ResultTimeout = TimeSpan.FromMinutes(1) })).ShouldBe("done");
            await using (await locker.AcquireAsync("other")) (await locker.ListAsync().ToListAsync()).ShouldNotBeEmpty();
            await locker.ForgetAsync("key");
        }

        (await _server.CommandAsync("ACL", "LOG")).ShouldBe("", "nothing was denied");
        foreach (string[] forbidden in (string[][])[["SET", "other", "1"], ["FLUSHALL"], ["PUBLISH", "other", "1"]])
            (await _server.CommandAsUserAsync("latchwork", "SECRET", forbidden)).ShouldContain("no permissions");
    }

    [Theory]
    [InlineData("info", "command|info", "config|get")]
    [InlineData("client|setname", "client|id", "cluster|nodes", "cluster|slots", "wait", "select")]
    public async Task Without_what_is_said_to_be_dispensable_it_works(params string[] missing)
    {
        (await _server.CommandAsync([.. Line(), .. missing.Select(command => $"-{command}")])).ShouldBe("OK");
        await using RedisStore store = await RedisStore.ConnectAsync($"redis://latchwork:SECRET@127.0.0.1:{_server.Port}?commandTimeout=1m&connectTimeout=1m");
        await using var timer = new DistributedTimer(store, new() { Namespace = "orders" });
        var fired = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await timer.JoinAsync((_, _) =>
        {
            fired.TrySetResult();
            return Task.CompletedTask;
        });
        await timer.PostAsync(new byte[] { 1 }, TimeSpan.Zero);
        await fired.Task.WaitAsync(TimeSpan.FromMinutes(1));
        await store.CheckAsync();
    }

    [Theory]
    [InlineData("echo")]
    [InlineData("evalsha")]
    public async Task A_right_that_is_missing_is_named(string missing)
    {
        (await _server.CommandAsync([.. Line(), $"-{missing}"])).ShouldBe("OK");
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(
            () => RedisStore.ConnectAsync($"redis://latchwork:SECRET@127.0.0.1:{_server.Port}?commandTimeout=1m&connectTimeout=1m"));
        error.Message.ShouldContain("ACL");
        error.Message.ShouldContain($"'{missing}'");
        error.ToString().ShouldNotContain("SECRET");
        error.IsTransient.ShouldBeFalse();
    }

    internal static string[] Line(string first = "ACL SETUSER latchwork reset")
    {
        string text = File.ReadAllText(Path.Combine(Root(), "docs", "redis.md"));
        int start = text.IndexOf(first, StringComparison.Ordinal);
        start.ShouldBeGreaterThan(0);
        return text[start..text.IndexOf("```", start, StringComparison.Ordinal)].Replace('\n', ' ').Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }

    [GeneratedRegex(@"call\('([A-Z]+)'")]
    private static partial Regex Command();

    private static string Root([CallerFilePath] string file = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", "..", ".."));
}
