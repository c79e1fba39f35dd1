using Latchwork.Redis.Connections;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>The table of what each failure means: one row each.</summary>
public sealed class RedisFailuresTests
{
    private const string Name = "script 'work'";

    /// <summary>Failures after which a script is known not to have run, and is sent again within the caller's time.</summary>
    public static TheoryData<Exception, string> NotNow => new()
    {
        { Server("LOADING Redis is loading the dataset in memory"), "loading" },
        { Server("BUSY Redis is busy running a script."), "SCRIPT KILL" },
        { Server("READONLY You can't write against a read only replica."), "read-only" },
        { Server("READONLY You can't write against a read only replica. script: 1f, on @user_script:1."), "read-only" },
        { Server("ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't write against a read only replica."), "read-only" },
        { Server("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."), "lost its primary" },
        { Server("TRYAGAIN Multiple keys request during rehashing of slot"), "cluster" },
        { Server("CLUSTERDOWN The cluster is down"), "cluster" },
        { Server("MOVED 3999 127.0.0.1:6381"), "cluster" },
        { Server("ASK 3999 127.0.0.1:6381"), "cluster" },
        { new RedisServerException(RedisErrorKind.Moved, CommandFlags.None, "Key has MOVED but CommandFlags.NoRedirect was specified - redirect not followed. "), "cannot be reached yet" },
        { new RedisServerException(RedisErrorKind.UnknownRedirectTarget, CommandFlags.None, "The server redirected to an endpoint that cannot be connected to. "), "cannot be reached yet" },
        { Connection(ConnectionFailureType.UnableToConnect, CommandStatus.Unknown), "cannot be reached yet" },
        { Connection(ConnectionFailureType.SocketClosed, CommandStatus.WaitingToBeSent), "no connection" },
        { Connection(ConnectionFailureType.SocketFailure, CommandStatus.WaitingInBacklog), "no connection" },
        { Connection(ConnectionFailureType.UnableToResolvePhysicalConnection, CommandStatus.Unknown), "no connection" },
        { new RedisTimeoutException(CommandFlags.None, "late", CommandStatus.WaitingToBeSent), "written in time" },
        { new RedisTimeoutException(CommandFlags.None, "late", CommandStatus.WaitingInBacklog), "written in time" },
        { new ObjectDisposedException("multiplexer"), "closed" },
    };

    [Theory]
    [MemberData(nameof(NotNow))]
    public void What_did_not_run_is_sent_again(Exception error, string reason)
    {
        CallFailure failure = RedisFailures.Judge(error, Name);
        failure.Kind.ShouldBe(FailureKind.NotNow);
        failure.Reason.ShouldContain(reason);
    }

    /// <summary>Refusals that say what the server is like: the script is known not to have run.</summary>
    public static TheoryData<string, bool> Refusals => new()
    {
        { "OOM command not allowed when used memory > 'maxmemory'.", true },
        { "OOM command not allowed when used memory > 'maxmemory'. script: 1f, on @user_script:1.", true },
        { "ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.", true },
        { "MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk.", true },
        { "NOREPLICAS Not enough good replicas to write.", true },
        { "NOPERM this user has no permissions to run the 'evalsha' command", false },
        { "NOAUTH Authentication required.", false },
        { "WRONGPASS invalid username-password pair or user is disabled.", false },
        { "DENIED Redis is running in protected mode", false },
        { "CROSSSLOT Keys in request don't hash to the same slot", false },
        { "ERR unknown command 'EVALSHA'", false },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void A_refusal_of_the_server_is_known_not_to_have_happened(string text, bool isTransient)
    {
        CallFailure failure = RedisFailures.Judge(Server(text), Name);
        failure.Kind.ShouldBe(FailureKind.Final);
        LatchworkStoreException error = failure.Exception.ShouldBeOfType<LatchworkStoreException>();
        (error.Outcome, error.IsTransient).ShouldBe((StoreOutcome.NotApplied, isTransient));
        error.Message.ShouldContain(Name);
        error.Message.ShouldContain(text);
    }

    [Theory]
    [InlineData("NOPERM ACL failure in script: no. script: 1f, on @user_script:3.")]
    [InlineData("TRYAGAIN Multiple keys request during rehashing of slot script: 1f, on @user_script:3.")]
    public void What_is_refused_in_the_middle_of_a_script_may_have_left_something_behind(string text) =>
        RedisFailures.Judge(Server(text), Name)
            .Exception.ShouldBeOfType<LatchworkStoreException>().Outcome.ShouldBe(StoreOutcome.Unknown);

    [Theory]
    [InlineData("LWLAYOUT format=2 partitions=8")]
    [InlineData("ERR wrong number of arguments")]
    [InlineData("WRONGTYPE Operation against a key")]
    public void Any_other_error_comes_as_the_server_worded_it(string text)
    {
        CallFailure failure = RedisFailures.Judge(Server(text), Name);
        failure.Kind.ShouldBe(FailureKind.Final);
        failure.Exception.ShouldBeOfType<RedisServerException>().Message.ShouldBe(text);
    }

    [Fact]
    public void A_script_that_the_server_does_not_know_is_sent_as_text() =>
        RedisFailures.Judge(Server("NOSCRIPT No matching script."), Name).Kind.ShouldBe(FailureKind.NoScript);

    /// <summary>Failures after which nobody knows.</summary>
    public static TheoryData<Exception> Unknown =>
    [
        Connection(ConnectionFailureType.SocketFailure, CommandStatus.Sent),
        Connection(ConnectionFailureType.SocketClosed, CommandStatus.Unknown),
        Connection(ConnectionFailureType.ProtocolFailure, CommandStatus.Sent),
        new RedisTimeoutException(CommandFlags.None, "late", CommandStatus.Sent),
        new RedisTimeoutException(CommandFlags.None, "late", CommandStatus.Unknown),
        new TaskCanceledException(),
        new InvalidOperationException("a fault of the client"),
    ];

    [Theory]
    [MemberData(nameof(Unknown))]
    public void What_was_sent_and_not_answered_is_unknown(Exception error)
    {
        CallFailure failure = RedisFailures.Judge(error, Name);
        failure.Kind.ShouldBe(FailureKind.Final);
        LatchworkStoreException judged = failure.Exception.ShouldBeOfType<LatchworkStoreException>();
        (judged.Outcome, judged.IsTransient).ShouldBe((StoreOutcome.Unknown, true));
        judged.InnerException.ShouldBe(error);
    }

    [Fact]
    public void What_the_client_refuses_was_not_sent() =>
        RedisFailures.Judge(new RedisCommandException("not in this mode"), Name).Exception.ShouldBeOfType<LatchworkStoreException>().Outcome.ShouldBe(StoreOutcome.NotApplied);

#pragma warning disable CS0618 // the other constructors want what only a server can say
    private static RedisServerException Server(string text) => new(text);
#pragma warning restore CS0618

    private static RedisConnectionException Connection(ConnectionFailureType type, CommandStatus status) => new(type, CommandFlags.None, "broken", null, status);
}
