using Latchwork.StoreConformance.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Dashboard;

/// <summary>What docs/dashboard.md and docs/http.md say: a program, and the options.</summary>
public sealed class DocumentedTests
{
    [Fact]
    public void The_documentation_has_the_options()
    {
        OptionDocs.Check<DashboardOptions>("dashboard.md", "Adding it", DashboardOptions.Set.Describe(), "Latchwork.AspNetCore/Dashboard/DashboardOptions.cs");
        OptionDocs.Check<HttpApiOptions>("http.md", "Options", HttpApiOptions.Set.Describe(), "Latchwork.AspNetCore/HttpApiOptions.cs");
    }

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
