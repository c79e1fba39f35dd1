using System.Net.Sockets;
using Latchwork.Postgres.Connections;
using Npgsql;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Connections;

/// <summary>What each failure means for an operation: one row of the table a case.</summary>
public sealed class PostgresFailuresTests
{
    /// <summary>SQLSTATE, severity; whether the outcome is known, whether it is transient, whether it is tried again, whether the connection is given up.</summary>
    public static TheoryData<string, string, StoreOutcome, bool, bool, bool> Rows => new()
    {
        { "40001", "ERROR", StoreOutcome.NotApplied, true, true, false },
        { "40P01", "ERROR", StoreOutcome.NotApplied, true, true, false },
        { "55P03", "ERROR", StoreOutcome.NotApplied, true, false, false },
        { "57014", "ERROR", StoreOutcome.NotApplied, true, false, false },
        { "25006", "ERROR", StoreOutcome.NotApplied, true, true, true },
        { "53100", "ERROR", StoreOutcome.NotApplied, true, false, false },
        { "53200", "ERROR", StoreOutcome.NotApplied, true, false, false },
        { "53400", "ERROR", StoreOutcome.NotApplied, true, false, false },
        { "54000", "ERROR", StoreOutcome.NotApplied, true, false, false },
        { "42501", "ERROR", StoreOutcome.NotApplied, false, false, false },
        { "42P01", "ERROR", StoreOutcome.NotApplied, false, false, false },
        { "42883", "ERROR", StoreOutcome.NotApplied, false, false, false },
        { "42703", "ERROR", StoreOutcome.NotApplied, false, false, false },
        { "3F000", "ERROR", StoreOutcome.NotApplied, false, false, false },
        { "25P02", "ERROR", StoreOutcome.NotApplied, false, false, false },
        { "XX001", "ERROR", StoreOutcome.NotApplied, false, false, false },
        { "XX002", "ERROR", StoreOutcome.NotApplied, false, false, false },
        { "22003", "ERROR", StoreOutcome.NotApplied, false, false, false },
        { "57P01", "FATAL", StoreOutcome.Unknown, true, false, true },
        { "57P02", "FATAL", StoreOutcome.Unknown, true, false, true },
        { "57P05", "FATAL", StoreOutcome.NotApplied, true, true, true },
        { "XX000", "PANIC", StoreOutcome.Unknown, true, false, true },
    };

    /// <summary>What a server may say instead of a connection: nothing was sent then.</summary>
    public static TheoryData<string, bool, bool> ConnectingRows => new()
    {
        { "53300", true, true },
        { "57P03", true, true },
        { "57P01", true, true },
        { "28P01", false, false },
        { "28000", false, false },
        { "3D000", false, false },
        { "42501", false, false },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_sqlstate_says_what_has_happened(string sqlState, string severity, StoreOutcome outcome, bool isTransient, bool isRepeated, bool breaks)
    {
        var error = new PostgresException("something", severity, severity, sqlState);
        PostgresFailure failure = PostgresFailures.Judge(error, "post");
        LatchworkStoreException said = failure.Exception.ShouldBeOfType<LatchworkStoreException>();
        (said.Outcome, said.IsTransient, failure.IsWorthRepeating, failure.BreaksConnection).ShouldBe((outcome, isTransient, isRepeated, breaks));
        said.Message.ShouldContain(sqlState);
        said.Message.ShouldStartWith("The post ");
    }

    [Theory]
    [MemberData(nameof(ConnectingRows))]
    public void A_refused_connection_means_that_nothing_was_sent(string sqlState, bool isTransient, bool isRepeated)
    {
        PostgresFailure failure = PostgresFailures.JudgeConnecting(new PostgresException("something", "FATAL", "FATAL", sqlState), "claim");
        LatchworkStoreException said = failure.Exception.ShouldBeOfType<LatchworkStoreException>();
        (said.Outcome, said.IsTransient, failure.IsWorthRepeating).ShouldBe((StoreOutcome.NotApplied, isTransient, isRepeated));
        said.Message.ShouldContain("was not sent");
    }

    [Fact]
    public void A_connection_that_breaks_leaves_the_outcome_unknown()
    {
        var error = new NpgsqlException("Exception while reading from stream", new IOException("gone"));
        PostgresFailure failure = PostgresFailures.Judge(error, "confirmation");
        LatchworkStoreException said = failure.Exception.ShouldBeOfType<LatchworkStoreException>();
        (said.Outcome, said.IsTransient, failure.IsWorthRepeating, failure.BreaksConnection).ShouldBe((StoreOutcome.Unknown, true, false, true));
    }

    [Fact]
    public void No_reply_in_time_leaves_the_outcome_unknown()
    {
        PostgresFailure failure = PostgresFailures.Judge(new NpgsqlException("timeout", new TimeoutException()), "post");
        failure.Exception.ShouldBeOfType<LatchworkStoreException>().Outcome.ShouldBe(StoreOutcome.Unknown);
        failure.IsWorthRepeating.ShouldBeFalse();
    }

    [Fact]
    public void No_connection_means_that_nothing_was_sent()
    {
        PostgresFailure failure = PostgresFailures.JudgeConnecting(new NpgsqlException("no", new SocketException((int)SocketError.ConnectionRefused)), "post");
        LatchworkStoreException said = failure.Exception.ShouldBeOfType<LatchworkStoreException>();
        (said.Outcome, said.IsTransient, failure.IsWorthRepeating).ShouldBe((StoreOutcome.NotApplied, true, true));
    }

    [Fact]
    public void In_a_callers_transaction_nothing_is_ever_unknown_because_it_cannot_be_committed_any_more()
    {
        NpgsqlException[] errors =
        [
            new("Exception while reading from stream", new IOException("gone")), new("Exception while reading from stream", new TimeoutException()),
            new PostgresException("terminating connection", "FATAL", "FATAL", "57P01"), new PostgresException("something", "PANIC", "PANIC", "XX000"),
        ];
        foreach (NpgsqlException error in errors)
        {
            LatchworkStoreException said = PostgresFailures.JudgeInTransaction(error, "post").ShouldBeOfType<LatchworkStoreException>();
            (said.Outcome, said.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));
            said.Message.ShouldStartWith("The post was not done, and its transaction is over: ");
            said.Message.ShouldNotContain("may have happened");
        }
    }
}
