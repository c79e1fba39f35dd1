using Latchwork.Redis.Connections;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>Replies and commands find each other, whatever happens in between; against a server that does exactly what the test wants.</summary>
public sealed class PipelineTests
{
    private static readonly RedisScript _script = new("work", "return 1");

    [Fact]
    public async Task A_late_reply_keeps_its_place_so_that_later_ones_match()
    {
        var goOn = new ManualResetEventSlim();
        using var server = new FakeServer(talk =>
        {
            talk.Greet();
            talk.Read();
            while (!goOn.Wait(10)) talk.Say(">2\r\n+invalidate\r\n_\r\n"); // Slow, but alive.
            talk.Say(":1\r\n");
            talk.Read();
            talk.Say(":2\r\n");
            talk.WaitForEnd();
        });
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse(server.Uri + "?commandTimeout=4s"), default);
        LatchworkStoreException late = await Should.ThrowAsync<LatchworkStoreException>(async () => await EvaluateAsync(connection));
        late.Outcome.ShouldBe(StoreOutcome.Unknown);
        late.IsTransient.ShouldBeTrue();
        ValueTask<RedisReply> second = EvaluateAsync(connection);
        goOn.Set();
        (await second).Number.ShouldBe(2);
        server.Connections.ShouldBe(1);
    }

    [Fact]
    public async Task A_caller_who_gives_up_leaves_the_place_in_the_line()
    {
        var read = new TaskCompletionSource();
        var goOn = new ManualResetEventSlim();
        using var server = new FakeServer(talk =>
        {
            talk.Greet();
            talk.Read();
            read.SetResult();
            goOn.Wait();
            talk.Say(":1\r\n");
            talk.Read();
            talk.Say(":2\r\n");
            talk.WaitForEnd();
        });
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse(server.PatientUri), default);
        using var giveUp = new CancellationTokenSource();
        Task<RedisReply> first = connection.EvaluateAsync(_script, [], [], giveUp.Token).AsTask();
        await read.Task;
        Task<RedisReply> second = EvaluateAsync(connection).AsTask();
        await giveUp.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => first);
        goOn.Set();
        (await second).Number.ShouldBe(2);
        await Should.ThrowAsync<OperationCanceledException>(async () => await connection.EvaluateAsync(_script, [], [], giveUp.Token));
    }

    [Fact]
    public async Task A_server_that_sends_nothing_at_all_is_left_and_asked_anew()
    {
        using var server = new FakeServer(talk =>
        {
            talk.Greet();
            talk.Read();
            if (talk.Number > 1) talk.Say(":2\r\n");
            talk.WaitForEnd();
        });
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse(server.Uri + "?commandTimeout=300ms"), default);
        (await Should.ThrowAsync<LatchworkStoreException>(async () => await EvaluateAsync(connection))).Outcome.ShouldBe(StoreOutcome.Unknown);
        await Eventually.HoldsAsync(() => server.Connections >= 2, "it connects anew");
        await Eventually.ReadsAsync(async () => await TryAsync(connection), static reply => reply == "2", "the new connection works");
    }

    [Theory]
    [InlineData("$100\r\nabc")]
    [InlineData("*3\r\n:1\r\n")]
    [InlineData(":12")]
    [InlineData("*1000000\r\n$1000000\r\n")]
    public async Task A_server_that_stalls_in_the_middle_of_a_reply_is_left_and_asked_anew(string part)
    {
        using var server = new FakeServer(talk =>
        {
            talk.Greet();
            talk.Read();
            talk.Say(talk.Number == 1 ? part : ":2\r\n");
            talk.WaitForEnd();
        });
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse(server.Uri + "?commandTimeout=300ms"), default);
        await Should.ThrowAsync<LatchworkStoreException>(async () => await EvaluateAsync(connection));
        await Eventually.ReadsAsync(async () => await TryAsync(connection), static reply => reply == "2", "the new connection works");
    }

    [Fact]
    public async Task Written_is_unknown_and_not_written_is_sent_after_the_reconnect()
    {
        var firstRead = new TaskCompletionSource();
        var breakIt = new ManualResetEventSlim();
        using var server = new FakeServer(talk =>
        {
            talk.Greet();
            talk.Read();
            if (talk.Number == 1)
            {
                firstRead.SetResult();
                breakIt.Wait();
                return;
            }

            talk.Say("+again\r\n");
            talk.WaitForEnd();
        });
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse(server.PatientUri), default);
        Task<RedisReply> written = EvaluateAsync(connection).AsTask();
        await firstRead.Task;
        breakIt.Set();
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => written);
        error.Outcome.ShouldBe(StoreOutcome.Unknown);

        // The continuation above runs before the connection is made anew, or after: the command is sent either way.
        (await EvaluateAsync(connection)).Text.ShouldBe("again");
    }

    [Theory]
    [InlineData("OOM command not allowed when used memory > 'maxmemory'. script: 1f, on @user_script:1.", true)]
    [InlineData("ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.", true)]
    [InlineData("MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk.", true)]
    [InlineData("NOREPLICAS Not enough good replicas to write.", true)]
    [InlineData("NOPERM this user has no permissions to run the 'evalsha' command", false)]
    [InlineData("MOVED 3999 127.0.0.1:6381", false)]
    public async Task A_refusal_of_the_server_is_known_not_to_have_happened(string text, bool isTransient)
    {
        LatchworkStoreException error = (await AnswerAsync(text)).ShouldBeOfType<LatchworkStoreException>();
        error.Outcome.ShouldBe(StoreOutcome.NotApplied);
        error.IsTransient.ShouldBe(isTransient);
        error.Message.ShouldContain("script 'work'");
        error.Message.ShouldContain(text);
    }

    [Fact]
    public async Task A_command_forbidden_in_the_middle_of_a_script_may_have_left_something_behind() =>
        (await AnswerAsync("NOPERM ACL failure in script: no. script: 1f, on @user_script:3.")).ShouldBeOfType<LatchworkStoreException>().Outcome.ShouldBe(StoreOutcome.Unknown);

    [Theory]
    [InlineData("LWLAYOUT format=2 partitions=8")]
    [InlineData("ERR wrong number of arguments")]
    [InlineData("WRONGTYPE Operation against a key")]
    public async Task Any_other_error_comes_as_the_server_worded_it(string text)
    {
        RedisServerException error = (await AnswerAsync(text)).ShouldBeOfType<RedisServerException>();
        error.Message.ShouldBe(text);
        error.Code.ShouldBe(text.Split(' ')[0]);
    }

    public static TheoryData<string, string> States => new()
    {
        { "READONLY You can't write against a read only replica.", "read-only" },
        { "ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't write against a read only replica.", "read-only" },
        { "LOADING Redis is loading the dataset in memory", "loading" },
        { "BUSY Redis is busy running a script.", "SCRIPT KILL" },
        { "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", "lost its primary" },
        { "NOAUTH Authentication required.", "password" },
    };

    [Theory]
    [MemberData(nameof(States))]
    public async Task A_command_that_a_server_refuses_because_of_its_state_is_sent_again_on_a_new_connection(string text, string words)
    {
        words.ShouldNotBeEmpty();
        using var server = new FakeServer(talk =>
        {
            talk.Greet();
            talk.Read();
            talk.Say(talk.Number <= 2 ? $"-{text}\r\n" : "+primary\r\n");
            talk.WaitForEnd();
        });
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse(server.Uri + "?commandTimeout=1m"), default);
        (await EvaluateAsync(connection)).Text.ShouldBe("primary");
        server.Connections.ShouldBe(3);
    }

    [Theory]
    [MemberData(nameof(States))]
    public async Task A_state_that_lasts_is_reported_in_words(string text, string words)
    {
        using var server = new FakeServer(talk =>
        {
            talk.Greet();
            talk.Read();
            talk.Say($"-{text}\r\n");
            talk.WaitForEnd();
        });
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse(server.Uri + "?commandTimeout=300ms"), default);
        LatchworkStoreException error = await Eventually.ReadsAsync(
            () => Should.ThrowAsync<LatchworkStoreException>(async () => await EvaluateAsync(connection)),
            e => e.Message.Contains(words, StringComparison.Ordinal),
            "it is reported in words"); // not if the first answer took longer than the command may
        error.Outcome.ShouldBe(StoreOutcome.NotApplied);
    }

    public static TheoryData<string> Bomb => [string.Concat(Enumerable.Repeat("*1\r\n", 1000))];

    [Theory]
    [InlineData(":1\r\n:2\r\n")]
    [InlineData("what?\r\n")]
    [InlineData(">3\r\n+subscribe\r\n+x\r\n:1\r\n")]
    [InlineData("-ERR unasked\r\n-ERR unasked\r\n")]
    [InlineData("$9223372036854775808\r\n")]
    [InlineData("$9223372036854775807\r\nx")]
    [MemberData(nameof(Bomb))]
    public async Task A_server_out_of_step_is_left_and_asked_anew(string nonsense)
    {
        using var server = new FakeServer(talk =>
        {
            talk.Greet();
            talk.Read();
            talk.Say(talk.Number == 1 ? nonsense : "+right\r\n");
            talk.WaitForEnd();
        });
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse(server.PatientUri), default);
        await TryAsync(connection);
        await Eventually.HoldsAsync(() => server.Connections >= 2, "it connects anew");
        (await EvaluateAsync(connection)).Text.ShouldBe("right");
    }

    private static ValueTask<RedisReply> EvaluateAsync(RedisConnection connection) => connection.EvaluateAsync(_script, [], [], default);

    private static async Task<string> TryAsync(RedisConnection connection)
    {
        try
        {
            return (await EvaluateAsync(connection)) is { Kind: RedisReplyKind.Number } number ? $"{number.Number}" : "text";
        }
        catch (Exception e) when (e is LatchworkStoreException or RedisServerException or InvalidOperationException)
        {
            return e.Message;
        }
    }

    private static async Task<Exception> AnswerAsync(string error)
    {
        using var server = new FakeServer(talk =>
        {
            talk.Greet();
            talk.Read();
            talk.Say($"-{error}\r\n");
            talk.WaitForEnd();
        });
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse(server.PatientUri), default);
        return await Should.ThrowAsync<Exception>(async () => await EvaluateAsync(connection));
    }
}
