using System.Security.Claims;
using Latchwork.Security;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Security;

/// <summary>Who is one user, and what it is called.</summary>
public sealed class RequestUserTests
{
    [Theory]
    [InlineData("client_id")]
    [InlineData("azp")]
    [InlineData("appid")]
    public void Two_programs_without_a_name_are_two_users(string type)
    {
        ClaimsPrincipal billing = User(new Claim(type, "billing"));
        RequestUser.KeyOf(billing).ShouldBe(RequestUser.KeyOf(User(new Claim(type, "billing"), new Claim("exp", "1795815120"))), "a token that was renewed is the same user's");
        RequestUser.KeyOf(billing).ShouldNotBe(RequestUser.KeyOf(User(new Claim(type, "mails"))));
        RequestUser.KeyOf(billing).ShouldNotBe(RequestUser.KeyOf(User()));
        RequestUser.NameOf(billing).ShouldBe("billing");
    }

    [Fact]
    public void Two_people_who_use_one_program_are_two_users_by_their_subject_or_else_their_name()
    {
        foreach (string type in new[] { "sub", ClaimTypes.NameIdentifier, ClaimTypes.Name })
        {
            RequestUser.KeyOf(User(new Claim("client_id", "web"), new Claim(type, "alice"))).ShouldNotBe(RequestUser.KeyOf(User(new Claim("client_id", "web"), new Claim(type, "bob"))), type);
        }

        RequestUser.KeyOf(User(new Claim("sub", "1"), new Claim("client_id", "web"))).ShouldBe(RequestUser.KeyOf(User(new Claim("sub", "1"), new Claim("client_id", "phone"))), "a person has one subject");
        RequestUser.KeyOf(User(new Claim("sub", "1", null, "https://a.example"))).ShouldNotBe(RequestUser.KeyOf(User(new Claim("sub", "1", null, "https://b.example"))), "an issuer speaks for its own");
        RequestUser.NameOf(User(new Claim("sub", "1"), new Claim(ClaimTypes.Name, "alice"))).ShouldBe("alice");
        RequestUser.NameOf(User(new Claim("sub", "1"), new Claim("client_id", "web"))).ShouldBe("1");
    }

    [Fact]
    public void What_identifies_users_is_not_confused_by_the_characters_in_it()
    {
        RequestUser.KeyOf(User(new Claim("client_id", "a\nb"), new Claim(ClaimTypes.Name, "c"))).ShouldNotBe(RequestUser.KeyOf(User(new Claim("client_id", "a"), new Claim(ClaimTypes.Name, "b\nc"))));
        RequestUser.KeyOf(User(new Claim("client_id", "x"))).ShouldNotBe(RequestUser.KeyOf(User(new Claim("sub", "x"))));
        RequestUser.NameOf(User(new Claim("client_id", new string('x', 600))))!.Length.ShouldBe(128);
    }

    [Fact]
    public void Nobody_is_nobody()
    {
        var nobody = new ClaimsPrincipal(new ClaimsIdentity([new Claim("client_id", "said-only")]));
        RequestUser.KeyOf(nobody).ShouldBeEmpty();
        RequestUser.NameOf(nobody).ShouldBeNull();
    }

    private static ClaimsPrincipal User(params Claim[] claims) => new(new ClaimsIdentity(claims, "Tokens"));
}
