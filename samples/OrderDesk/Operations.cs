using Latchwork;
using Microsoft.AspNetCore.Authentication;

namespace OrderDesk;

/// <summary>What the shop's staff sees of the timers: all of them may look, and operators may change.</summary>
public static class Operations
{
    public static IServiceCollection AddOperations(this IServiceCollection services)
    {
        services.AddAuthentication(StaffAuthentication.SchemeName).AddScheme<AuthenticationSchemeOptions, StaffAuthentication>(StaffAuthentication.SchemeName, null);
        services.AddAuthorization(options => options.AddPolicy("operators", policy => policy.RequireRole("operator")));
        services.AddLatchwork()
            .AddDashboard(options => options.ChangePolicy = options.PayloadPolicy = "operators")
            .AddHttpApi(options => options.ChangePolicy = options.PayloadPolicy = "operators");
        return services;
    }

    public static void MapOperations(this WebApplication app)
    {
        app.MapLatchworkDashboard("/latchwork").RequireAuthorization();
        app.MapLatchworkApi("/latchwork/api").RequireAuthorization();
    }
}
