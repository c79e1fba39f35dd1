using System.Diagnostics;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>Replies and commands find each other, whatever happens in between: callers who give up, silence, states of the server.</summary>
public sealed class PipelineTests
{
    private static readonly RedisScript _echo = new("echo", "return ARGV[1]");
    private static readonly RedisScript _add = new("add", "return redis.call('HINCRBY', KEYS[1], ARGV[1], 1)");

    [Fact]
    public async Task A_late_reply_is_nobodys_so_that_later_ones_match()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisConnection connection = await TestConnection.OpenAsync(server.Uri + "?commandTimeout=700ms");
        for (int round = 0; round < 3; round++)
        {
            server.Freeze();
            Task<RedisReply>[] late = [.. Enumerable.Range(0, 10).Select(i => EchoAsync(connection, $"late {i}"))];
            foreach (Task<RedisReply> one in late)
            {
                LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => one);
                error.IsTransient.ShouldBeTrue();
            }

            server.Resume();
            await EchoesAsync(connection, $"round {round}");
            foreach (int i in Enumerable.Range(0, 100))
                await EchoesAsync(connection, $"after {i}");
        }
    }

    [Fact]
    public async Task A_caller_who_gives_up_is_free_at_once_and_costs_the_others_nothing()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisConnection connection = await TestConnection.OpenAsync(server.LenientUri);
        server.Freeze();
        using var giveUp = new CancellationTokenSource();
        Task<RedisReply> first = connection.EvaluateAsync(_add, ["given"], ["up"], giveUp.Token).AsTask();
        Task<RedisReply> second = EchoAsync(connection, "second");
        await giveUp.CancelAsync();
        OperationCanceledException cancelled = await Should.ThrowAsync<OperationCanceledException>(() => first);
        cancelled.CancellationToken.ShouldBe(giveUp.Token);
        server.Resume();
        (await second).Text.ShouldBe("second");
        (await EchoAsync(connection, "third")).Text.ShouldBe("third");

        // Who has given up before sends nothing.
        await Should.ThrowAsync<OperationCanceledException>(async () => await connection.EvaluateAsync(_add, ["given"], ["before"], giveUp.Token));
        await Should.ThrowAsync<OperationCanceledException>(async () => await connection.SubscribeAsync("channel", _ => { }, () => { }, giveUp.Token));
        (await server.CommandAsync("HEXISTS", "given", "before")).ShouldBe("0");
    }

    [Fact]
    public async Task A_caller_who_gives_up_while_there_is_no_server_sends_nothing_later()
    {
        await using RedisServer server = await RedisServer.StartAsync(new() { AppendOnly = true });
        await using RedisConnection connection = await TestConnection.OpenAsync(server.LenientUri);
        server.Kill();
        await Eventually.HoldsAsync(() => connection.LastError is not null, "the loss is noticed");
        using var giveUp = new CancellationTokenSource();
        Task<RedisReply> first = connection.EvaluateAsync(_add, ["given"], ["up"], giveUp.Token).AsTask();
        await giveUp.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => first);
        await server.StartAgainAsync();
        (await connection.EvaluateAsync(_add, ["given"], ["later"], default)).Number.ShouldBe(1);
        (await server.CommandAsync("HEXISTS", "given", "up")).ShouldBe("0");
    }

    [Fact]
    public async Task A_server_that_sends_nothing_at_all_is_left_and_asked_anew()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using var proxy = new FaultyProxy(server.Port);
        await using RedisConnection connection = await TestConnection.OpenAsync($"redis://127.0.0.1:{proxy.Port}?commandTimeout=1s&connectTimeout=1m");
        await EchoesAsync(connection, "first");
        proxy.Mute();
        (await Should.ThrowAsync<LatchworkStoreException>(() => EchoAsync(connection, "second"))).Outcome.ShouldBe(StoreOutcome.Unknown);
        await EchoesAsync(connection, "third");
        await Eventually.HoldsAsync(() => connection.Reconnects >= 1, "the client tells of its new connection, after it is used already");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public async Task A_server_that_stalls_in_the_middle_of_a_reply_is_left_and_asked_anew(int bytes)
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using var proxy = new FaultyProxy(server.Port);
        await using RedisConnection connection = await TestConnection.OpenAsync($"redis://127.0.0.1:{proxy.Port}?commandTimeout=1s&connectTimeout=1m");
        await EchoesAsync(connection, "first");
        proxy.StallAfter(bytes);
        (await Should.ThrowAsync<LatchworkStoreException>(() => EchoAsync(connection, new string('x', 5000)))).Outcome.ShouldBe(StoreOutcome.Unknown);
        proxy.Resume();
        await EchoesAsync(connection, "third");
    }

    [Fact]
    public async Task Bytes_that_arrive_one_by_one_make_the_same_replies()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using var proxy = new FaultyProxy(server.Port) { Piece = 1 };
        await using RedisConnection connection = await TestConnection.OpenAsync($"redis://127.0.0.1:{proxy.Port}?commandTimeout=1m&connectTimeout=1m");
        string text = new('x', 3000);
        for (int i = 0; i < 10; i++)
            (await EchoAsync(connection, text + i)).Text.ShouldBe(text + i);
    }

    [Fact]
    public async Task Sent_is_unknown_when_the_connection_breaks_and_what_was_not_sent_is_sent_later()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisConnection connection = await TestConnection.OpenAsync(server.LenientUri);
        await EchoesAsync(connection, "first");
        await server.CommandAsync("CLIENT", "PAUSE", "60000", "ALL");
        Task<RedisReply> sent = connection.EvaluateAsync(_add, ["pause"], ["sent"], default).AsTask();
        server.Kill();
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => sent);
        (error.Outcome, error.IsTransient).ShouldBe((StoreOutcome.Unknown, true));

        Task<RedisReply> waiting = connection.EvaluateAsync(_add, ["pause"], ["waiting"], default).AsTask();
        await server.StartAgainAsync();
        (await waiting).Number.ShouldBe(1);
        (await server.CommandAsync("HEXISTS", "pause", "sent")).ShouldBe("0");
    }

    /// <summary>States of a server: what brings it about, what ends it, and the words for it.</summary>
    public static TheoryData<string, string> States => new()
    {
        { "READONLY", "read-only" },
        { "MASTERDOWN", "lost its primary" },
        { "LOADING", "loading" },
        { "BUSY", "SCRIPT KILL" },
        { "NOAUTH", "password" },
        { "WRONGPASS", "password" },
    };

    [Theory]
    [MemberData(nameof(States))]
    public async Task A_state_that_lasts_is_reported_in_words_and_when_it_ends_commands_that_wait_are_done(string state, string words)
    {
        await using RedisServer server = await RedisServer.StartAsync(new()
        {
            Password = state == "WRONGPASS" ? "admin" : null,
            Arguments = ["--enable-debug-command", "yes", "--loading-process-events-interval-bytes", "1024", "--repl-timeout", "1000000"],
        });
        string user = "";
        if (state == "WRONGPASS")
        {
            await server.CommandAsync("ACL", "SETUSER", "app", "on", ">first", "~*", "&*", "+@all");
            user = "app:first@";
        }

        string uri = $"redis://{user}127.0.0.1:{server.Port}?connectTimeout=1m";
        await using RedisConnection connection = await TestConnection.OpenAsync(uri + "&commandTimeout=1s");
        await using RedisConnection patient = await TestConnection.OpenAsync(uri + "&commandTimeout=2m");
        await EchoesAsync(connection, "first");
        await EchoesAsync(patient, "first");
        await using IAsyncDisposable lasting = await BeginAsync(server, state);

        LatchworkStoreException error = await Eventually.ReadsAsync(
            async () =>
            {
                try
                {
                    await connection.EvaluateAsync(_add, ["state"], ["refused"], default);
                    return new LatchworkStoreException("none", StoreOutcome.Unknown);
                }
                catch (LatchworkStoreException e)
                {
                    return e;
                }
            },
            e => e.Message.Contains(words, StringComparison.Ordinal),
            "it is reported in words"); // not if the first answer took longer than the command may
        error.Outcome.ShouldBe(StoreOutcome.NotApplied);
        Task<RedisReply> waiting = patient.EvaluateAsync(_add, ["state"], ["waited"], default).AsTask();
        await Should.ThrowAsync<LatchworkStoreException>(async () => await connection.EvaluateAsync(_add, ["state"], ["refused"], default));
        waiting.IsCompleted.ShouldBeFalse();

        await lasting.DisposeAsync();
        (await waiting.WaitAsync(TimeSpan.FromMinutes(1))).Number.ShouldBe(1);
        await EchoesAsync(connection, "last");
        (await server.CommandAsync("HEXISTS", "state", "refused")).ShouldBe("0");
    }

    [Fact]
    public async Task Deadlines_are_kept_to_a_fraction_of_a_second()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisConnection connection = await TestConnection.OpenAsync(server.Uri + "?commandTimeout=300ms&connectTimeout=1m");
        await EchoesAsync(connection, "first");
        server.Freeze();
        long start = Stopwatch.GetTimestamp();
        await Should.ThrowAsync<LatchworkStoreException>(() => EchoAsync(connection, "second"));
        TimeSpan taken = Stopwatch.GetElapsedTime(start);
        taken.ShouldBeGreaterThan(TimeSpan.FromMilliseconds(250));
        taken.ShouldBeLessThan(TimeSpan.FromSeconds(10)); // a machine that stalls
        server.Resume();
    }

    private static async Task<IAsyncDisposable> BeginAsync(RedisServer server, string state)
    {
        switch (state)
        {
            case "READONLY":
                await server.CommandAsync("REPLICAOF", "127.0.0.1", "1");
                return new Ending(() => server.CommandAsync("REPLICAOF", "NO", "ONE"));
            case "MASTERDOWN":
                await server.CommandAsync("CONFIG", "SET", "replica-serve-stale-data", "no");
                await server.CommandAsync("REPLICAOF", "127.0.0.1", "1");
                return new Ending(() => server.CommandAsync("REPLICAOF", "NO", "ONE"));
            case "LOADING":
                // The values shrink to a few bytes in the file: some 14 keys fill the interval after which the server answers, in 60 ms; all take 80 s.
                await server.CommandAsync("DEBUG", "POPULATE", "20000", "key", "4000");
                await server.CommandAsync("CONFIG", "SET", "key-load-delay", "4000");
                Task<string> reload = server.CommandAsync("DEBUG", "RELOAD");
                await Eventually.ReadsAsync(() => server.CommandAsync("INFO", "persistence"), static info => info.Contains("loading:1", StringComparison.Ordinal), "it loads");
                return new Ending(async () =>
                {
                    await server.CommandAsync("CONFIG", "SET", "key-load-delay", "0");
                    return await reload;
                });
            case "BUSY":
                await server.CommandAsync("CONFIG", "SET", "lua-time-limit", "10");
                Task<string> script = server.CommandAsync("EVAL", "while true do end", "0");
                await Eventually.ReadsAsync(() => server.CommandAsync("PING"), static answer => answer.StartsWith("BUSY", StringComparison.Ordinal), "it is busy");
                return new Ending(async () =>
                {
                    await server.CommandAsync("SCRIPT", "KILL");
                    try
                    {
                        return await script;
                    }
                    catch (InvalidOperationException e)
                    {
                        return e.Message; // it was killed
                    }
                });
            case "NOAUTH":
                await server.CommandAsync("ACL", "SETUSER", "admin", "on", ">secret", "~*", "&*", "+@all");
                await server.CommandAsync("CONFIG", "SET", "requirepass", "unknown");
                await server.CommandAsUserAsync("admin", "secret", "CLIENT", "KILL", "TYPE", "normal");
                return new Ending(() => server.CommandAsUserAsync("admin", "secret", "CONFIG", "SET", "requirepass", ""));
            default:
                await server.CommandAsync("ACL", "SETUSER", "app", "resetpass", ">second");
                await server.CommandAsync("CLIENT", "KILL", "USER", "app");
                return new Ending(() => server.CommandAsync("ACL", "SETUSER", "app", "resetpass", ">first"));
        }
    }

    private static Task<RedisReply> EchoAsync(RedisConnection connection, string text) => connection.EvaluateAsync(_echo, [], [text], default).AsTask();

    // Again and again: a command may fail here.
    private static Task EchoesAsync(RedisConnection connection, string text) => Eventually.ReadsAsync(
        async () =>
        {
            try
            {
                string answer = (await EchoAsync(connection, text)).Text;
                answer.ShouldBe(text);
                return answer;
            }
            catch (LatchworkStoreException e)
            {
                return e.Message;
            }
        },
        answer => answer == text,
        "commands succeed");

    /// <summary>Ends a state, once.</summary>
    private sealed class Ending(Func<Task<string>> end) : IAsyncDisposable
    {
        private Func<Task<string>>? _end = end;

        public async ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref _end, null) is { } last) await last();
        }
    }
}
