using System.Net;
using Latchwork.AspNetCore.Tests.Support;
using Latchwork.Server.Access;
using Latchwork.Testing;
using Microsoft.Extensions.Logging;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Server;

/// <summary>The log of <c>latchwork-server</c> while somebody guesses tokens.</summary>
public sealed class WrongTokensTests
{
    [Fact]
    public void What_is_left_out_of_the_log_is_counted_in_it()
    {
        var clock = new ManualTimeProvider();
        var log = new CollectedLog("Latchwork.Server");
        using var loggers = new LoggerFactory([log]);
        var wrongTokens = new WrongTokens(loggers, clock);
        for (int guess = 0; guess < WrongTokens.MaxLines + 500; guess++) wrongTokens.Note(IPAddress.Parse("10.1.2.3"));
        log.Lines.ShouldBe(Enumerable.Repeat("Warning: Somebody at 10.1.2.3 sent a wrong token.", WrongTokens.MaxLines));

        clock.Advance(WrongTokens.Interval);
        log.Lines.Clear();
        wrongTokens.Note(peer: null);
        wrongTokens.Note(IPAddress.IPv6Loopback);
        log.Lines.ShouldBe(["Warning: 500 more wrong tokens came before, which were not logged one by one.", "Warning: Somebody at an unknown address sent a wrong token.", "Warning: Somebody at ::1 sent a wrong token."]);

        clock.Advance(WrongTokens.Interval);
        log.Lines.Clear();
        wrongTokens.Note(IPAddress.IPv6Loopback);
        log.Lines.ToArray().ShouldBe(["Warning: Somebody at ::1 sent a wrong token."], customMessage: "nothing was left out");
    }
}
