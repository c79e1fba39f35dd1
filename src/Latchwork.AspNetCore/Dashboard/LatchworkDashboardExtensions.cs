using Latchwork.Dashboard;
using Latchwork.Hosting;
using Latchwork.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Latchwork;

/// <summary>Adds the dashboard to an application and maps it.</summary>
public static class LatchworkDashboardExtensions
{
    /// <summary>Adds the dashboard of this registration's store. Map it with <see cref="MapLatchworkDashboard"/>.</summary>
    /// <param name="builder">The registration.</param>
    /// <param name="configure">Configures it; null: readable by those whom the endpoints admit, and changed by nobody.</param>
    /// <returns>The same builder.</returns>
    public static LatchworkBuilder AddDashboard(this LatchworkBuilder builder, Action<DashboardOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        IServiceCollection services = builder.Services;
        LatchworkRegistration registration = LatchworkServiceCollectionExtensions.Find(services, builder.Key)!;
        if (configure is not null) services.Configure(registration.OptionsName, configure);
        AccessGuard.AddTo(services);
        services.AddAntiforgery();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<DashboardOptions>>(new OptionSetValidator<DashboardOptions>(DashboardOptions.Set))); // beside those of the application
        ServiceDescriptor runtime = registration.Singleton(provider => new DashboardRuntime(registration, provider));
        if (services.Any(one => one.ServiceType == typeof(DashboardRuntime) && Equals(one.ServiceKey, builder.Key))) return builder;
        services.Add(runtime);
        services.AddOptions<DashboardOptions>(registration.OptionsName).ValidateOnStart();
        services.AddSingleton<IHostedService>(provider => new DashboardStart(provider.GetKeyedService<DashboardRuntime>(builder.Key)!, provider));
        return builder;
    }

    /// <summary>
    /// Maps the dashboard. Outside the environment Development the host does not start unless <c>RequireAuthorization(…)</c> or <c>AllowAnonymous()</c>
    /// is called on the result; in Development it answers to this machine alone unless one of them is.
    /// </summary>
    /// <param name="endpoints">Where to map it.</param>
    /// <param name="pattern">The path, such as <c>/latchwork</c>.</param>
    /// <param name="serviceKey">The service key of the registration; null: the one without a key.</param>
    /// <returns>Its endpoints, to which conventions can be added.</returns>
    /// <exception cref="InvalidOperationException">The registration has no dashboard.</exception>
    public static IEndpointConventionBuilder MapLatchworkDashboard(this IEndpointRouteBuilder endpoints, string pattern = "/latchwork", string? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(pattern);
        DashboardRuntime runtime = endpoints.ServiceProvider.GetKeyedService<DashboardRuntime>(serviceKey)
            ?? throw new InvalidOperationException(serviceKey is null
                ? "There is no dashboard: call AddLatchwork(…).AddDashboard() first."
                : $"There is no dashboard with the service key '{serviceKey}': call AddLatchwork(\"{serviceKey}\", …).AddDashboard() first.");
        RouteGroupBuilder group = endpoints.MapGuarded(pattern, DashboardEndpoints.Part);
        new DashboardEndpoints(runtime).MapTo(group);
        return group;
    }
}
