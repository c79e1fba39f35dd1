using System.Security.Claims;
using Latchwork.Server.Access;
using Latchwork.Testing;
using Microsoft.AspNetCore.Authentication;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Server;

/// <summary>The sessions of browsers that <c>latchwork-server</c> keeps.</summary>
public sealed class SessionsTests
{
    private readonly ManualTimeProvider _clock = new();

    [Fact]
    public async Task A_session_ends_when_it_is_removed_or_over_and_is_not_renewed_after_that()
    {
        var sessions = new Sessions(_clock);
        string first = await sessions.StoreAsync(Ticket(TimeSpan.FromHours(1))), second = await sessions.StoreAsync(Ticket(TimeSpan.FromHours(1)));
        (await sessions.RetrieveAsync(first)).ShouldNotBeNull();

        await sessions.RemoveAsync(first);
        await sessions.RenewAsync(first, Ticket(TimeSpan.FromHours(1)));
        (await sessions.RetrieveAsync(first)).ShouldBeNull();

        _clock.Advance(TimeSpan.FromMinutes(40));
        await sessions.RenewAsync(second, Ticket(TimeSpan.FromHours(1)));
        _clock.Advance(TimeSpan.FromMinutes(40));
        (await sessions.RetrieveAsync(second)).ShouldNotBeNull();
        _clock.Advance(TimeSpan.FromMinutes(20));
        (await sessions.RetrieveAsync(second)).ShouldBeNull();
    }

    [Fact]
    public async Task However_many_sign_in_the_sessions_are_so_many_at_most()
    {
        var sessions = new Sessions(_clock);
        string first = await sessions.StoreAsync(Ticket(TimeSpan.FromHours(1))), next = await sessions.StoreAsync(Ticket(TimeSpan.FromHours(2)));
        for (int i = 2; i < Sessions.MaxKept; i++) await sessions.StoreAsync(Ticket(TimeSpan.FromHours(3)));
        (await sessions.RetrieveAsync(first)).ShouldNotBeNull();

        string last = await sessions.StoreAsync(Ticket(TimeSpan.FromHours(3)));

        (await sessions.RetrieveAsync(first)).ShouldBeNull("it would have ended first");
        (await sessions.RetrieveAsync(next)).ShouldNotBeNull();
        (await sessions.RetrieveAsync(last)).ShouldNotBeNull();
    }

    private AuthenticationTicket Ticket(TimeSpan length) => new(new ClaimsPrincipal(), new AuthenticationProperties { ExpiresUtc = _clock.GetUtcNow() + length }, "Session");
}
