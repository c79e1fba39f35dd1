using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Dashboard;

/// <summary>The program of docs/dashboard.md.</summary>
public sealed class DocumentedTests
{
    [Fact]
    public async Task The_program_of_the_documentation_maps_the_dashboard()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Services.AddAuthorization(options => options.AddPolicy("operators", policy => policy.RequireRole("operator")));
        builder.Services.AddLatchwork().UseRedis().AddDashboard(options =>
        {
            options.ChangePolicy = "operators";      // none: read-only
            options.PayloadPolicy = "operators";     // none: payloads are hidden outside Development
        });
        await using WebApplication app = builder.Build();

        app.MapLatchworkDashboard("/latchwork").RequireAuthorization();

        ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).ShouldNotBeEmpty();
    }
}
