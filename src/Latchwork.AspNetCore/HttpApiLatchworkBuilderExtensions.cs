using Latchwork.Api;
using Latchwork.Security;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Latchwork;

/// <summary>Registers the HTTP API of a store.</summary>
public static class HttpApiLatchworkBuilderExtensions
{
    /// <summary>
    /// Registers the services of the HTTP API for the store of this registration. Map it with <c>app.MapLatchworkApi("/latchwork/api")</c>. Outside
    /// Development the host does not start unless the result of that has an authorization, or an explicit <c>AllowAnonymous()</c>.
    /// </summary>
    /// <param name="builder">The builder.</param>
    /// <param name="configure">Changes the settings. Without it the API only reads, and shows no payloads outside Development.</param>
    /// <returns>The builder.</returns>
    public static LatchworkBuilder AddHttpApi(this LatchworkBuilder builder, Action<HttpApiOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        string? key = builder.Key;
        string name = HttpApi.KeyOf(key);
        if (configure is not null) builder.Services.Configure(name, configure);
        if (builder.Services.Any(service => service.IsKeyedService && service.ServiceType == typeof(HttpApi) && name.Equals(service.ServiceKey))) return builder;

        AccessGuard.AddTo(builder.Services);
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<HttpApiOptions>>(new OptionSetValidator<HttpApiOptions>(HttpApiOptions.Set))); // beside those of the application
        builder.Services.AddOptions<HttpApiOptions>(name).ValidateOnStart();
        builder.Services.AddKeyedSingleton(name, (services, _) => new HttpApi(
            key is null ? services.GetRequiredService<LatchworkStore>() : services.GetRequiredKeyedService<LatchworkStore>(key),
            services.GetRequiredService<IOptionsMonitor<HttpApiOptions>>().Get(name),
            services.GetService<ILoggerFactory>(),
            services.GetService<TimeProvider>() ?? TimeProvider.System,
            services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping));
        builder.Services.AddSingleton<IHostedService>(services => new AccessPolicyCheck(
            () => services.GetRequiredKeyedService<HttpApi>(name).Policies, services, "the HTTP API"));
        return builder;
    }
}
