using System.Net;
using Latchwork.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Security;

public sealed class AccessGuardTests
{
    private static readonly GuardedPart _part = new("The part", "MapPart", "default-src 'none'");

    [Fact]
    public async Task Without_an_access_rule_the_host_does_not_start()
    {
        await using WebApplication app = Build("Production");
        Map(app, "/part");

        InvalidOperationException refused = await Should.ThrowAsync<InvalidOperationException>(() => app.StartAsync());
        refused.Message.ShouldContain("MapPart(\"/part\")");
    }

    [Fact]
    public async Task With_an_explicit_AllowAnonymous_it_starts_and_answers_anybody()
    {
        await using WebApplication app = Build("Production", peer: IPAddress.Parse("10.1.2.3"));
        Map(app, "/part").AllowAnonymous();
        await app.StartAsync();

        using HttpResponseMessage answer = await app.GetTestClient().GetAsync("/part/");
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        answer.Headers.GetValues("Content-Security-Policy").ShouldBe(["default-src 'none'"]);
        answer.Headers.GetValues("X-Content-Type-Options").ShouldBe(["nosniff"]);
        answer.Headers.CacheControl!.NoStore.ShouldBeTrue();
    }

    [Fact]
    public async Task The_authorization_of_an_outer_group_counts()
    {
        await using WebApplication app = Build("Production");
        Map(app.MapGroup("/admin").RequireAuthorization(), "/part");
        await app.StartAsync();

        using HttpResponseMessage answer = await app.GetTestClient().GetAsync("/admin/part/");
        answer.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task One_open_part_beside_a_closed_one_is_named()
    {
        await using WebApplication app = Build("Staging");
        Map(app, "/closed").RequireAuthorization();
        Map(app.MapGroup("/admin"), "/open");

        InvalidOperationException refused = await Should.ThrowAsync<InvalidOperationException>(() => app.StartAsync());
        refused.Message.ShouldContain("/open");
        refused.Message.ShouldNotContain("/closed");
    }

    [Fact]
    public async Task An_endpoint_that_is_mapped_later_is_refused()
    {
        await using WebApplication app = Build("Production");
        RouteGroupBuilder group = Map(app, "/part");
        bool isLate = false;
        // Stands for a data source that shows its endpoints only after the start.
        ((IEndpointConventionBuilder)group).Finally(endpoint =>
        {
            if (!isLate) endpoint.Metadata.Add(new Microsoft.AspNetCore.Authorization.AllowAnonymousAttribute());
        });
        await app.StartAsync();
        isLate = true;
        Endpoint late = ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).Single();
        late.Metadata.GetMetadata<Microsoft.AspNetCore.Authorization.IAllowAnonymous>().ShouldBeNull();

        DefaultHttpContext context = new() { RequestServices = app.Services };
        context.Response.Body = new MemoryStream();
        context.SetEndpoint(late);
        await late.RequestDelegate!(context);
        context.Response.StatusCode.ShouldBe(StatusCodes.Status403Forbidden);
    }

    [Theory]
    [InlineData("127.0.0.1", "localhost", null, true)]
    [InlineData("127.0.0.1", "LOCALHOST:5080", null, true)]
    [InlineData("::1", "[::1]:80", null, true)]
    [InlineData("::ffff:127.0.0.1", "127.0.0.1", null, true)]
    [InlineData("10.1.2.3", "localhost", null, false)]
    [InlineData(null, "localhost", null, false)]
    [InlineData("127.0.0.1", "rebound.example", null, false)]
    [InlineData("127.0.0.1", "localhost.", null, false)]
    [InlineData("127.0.0.1", "localhost", "Forwarded", false)]
    [InlineData("127.0.0.1", "localhost", "x-forwarded-for", false)]
    [InlineData("127.0.0.1", "localhost", "X-Forwarded-Anything", false)]
    [InlineData("127.0.0.1", "localhost", "X-Original-For", false)]
    public async Task In_development_without_authorization_only_this_machine_is_answered(string? peer, string host, string? header, bool isAnswered)
    {
        await using WebApplication app = Build("Development", peer is null ? null : IPAddress.Parse(peer));
        Map(app, "/part");
        await app.StartAsync();

        using HttpRequestMessage request = new(HttpMethod.Get, "/part/");
        request.Headers.Host = host;
        if (header is not null) request.Headers.Add(header, "for=10.1.2.3");
        using HttpResponseMessage answer = await app.GetTestClient().SendAsync(request);
        answer.StatusCode.ShouldBe(isAnswered ? HttpStatusCode.OK : HttpStatusCode.Forbidden);
        if (isAnswered) return;
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        (await answer.Content.ReadAsStringAsync()).ShouldContain("answers only to this machine");
    }

    [Fact]
    public async Task Without_the_services_mapping_says_what_is_missing()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        await using WebApplication app = builder.Build();
        Should.Throw<InvalidOperationException>(() => app.MapGuarded("/part", _part)).Message.ShouldContain("AddLatchwork");
    }

    [Fact]
    public async Task A_policy_that_is_not_registered_is_named()
    {
        await using WebApplication app = Build("Production");
        InvalidOperationException refused = await Should.ThrowAsync<InvalidOperationException>(
            () => new AccessPolicies(null, "operators", null).CheckAsync(app.Services, "the part"));
        refused.Message.ShouldContain("ChangePolicy");
        refused.Message.ShouldContain("'operators'");
    }

    private static RouteGroupBuilder Map(IEndpointRouteBuilder endpoints, string pattern)
    {
        RouteGroupBuilder group = endpoints.MapGuarded(pattern, _part);
        group.MapGet("/", () => "answered");
        return group;
    }

    private static WebApplication Build(string environment, IPAddress? peer = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = environment });
        builder.WebHost.UseTestServer();
        AccessGuard.AddTo(builder.Services);
        builder.Services.AddAuthentication(NobodyHandler.Scheme).AddScheme<Microsoft.AspNetCore.Authentication.AuthenticationSchemeOptions, NobodyHandler>(NobodyHandler.Scheme, null);
        builder.Services.AddAuthorization();
        WebApplication app = builder.Build();
        // The test server knows no peers.
        app.Use((context, next) =>
        {
            context.Connection.RemoteIpAddress = peer;
            return next(context);
        });
        return app;
    }
}
