using Latchwork;
using Latchwork.Hosting;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds the health of Latchwork to an application's health checks.</summary>
public static class LatchworkHealthChecksBuilderExtensions
{
    /// <summary>
    /// Checks that the store answers, that the namespaces with a handler are joined, and that their oldest event is not too long overdue; and
    /// passes on what the store warns of.
    /// </summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="configure">Changes the thresholds.</param>
    /// <param name="name">The name of the check. Default: null, <c>latchwork</c>, or <c>latchwork-KEY</c>.</param>
    /// <param name="key">The service key of a keyed registration. Default: null, the one without.</param>
    /// <param name="failureStatus">What to report in place of unhealthy. Default: null, unhealthy.</param>
    /// <param name="tags">Tags to filter checks by. Default: null, none.</param>
    /// <returns>The health checks.</returns>
    /// <exception cref="InvalidOperationException"><c>AddLatchwork</c> (with this key) was not called before.</exception>
    public static IHealthChecksBuilder AddLatchwork(
        this IHealthChecksBuilder builder,
        Action<LatchworkHealthOptions>? configure = null,
        string? name = null,
        string? key = null,
        HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        LatchworkRegistration registration = LatchworkServiceCollectionExtensions.Find(builder.Services, key)
            ?? throw new InvalidOperationException(key is null
                ? "There is no Latchwork to check: call AddLatchwork() on the services first."
                : $"There is no Latchwork with the key '{key}' to check: call AddKeyedLatchwork(\"{key}\") on the services first.");
        string check = name ?? (key is null ? "latchwork" : $"latchwork-{key}");
        builder.Services.AddOptions<LatchworkHealthOptions>(check)
            .Configure<IServiceProvider, SettingsFailures>((options, services, settings) =>
            {
                List<string> failures = settings.Begin<LatchworkHealthOptions>(check);
                if (registration.SectionOf(services) is { } section) SettingsBinding.Bind(section, options, failures);
            })
            .ValidateOnStart();
        if (configure is not null) builder.Services.Configure(check, configure);
        builder.Services.AddSingleton<IValidateOptions<LatchworkHealthOptions>>(services => new HealthOptionsValidator(check, services.GetRequiredService<SettingsFailures>()));
        return builder.Add(new HealthCheckRegistration(
            check,
            services => new LatchworkHealthCheck(registration, services, services.GetRequiredService<IOptionsMonitor<LatchworkHealthOptions>>()),
            failureStatus,
            tags));
    }
}

/// <summary>Checks the thresholds of one health check, all together.</summary>
internal sealed class HealthOptionsValidator(string check, SettingsFailures settings) : IValidateOptions<LatchworkHealthOptions>
{
    public ValidateOptionsResult Validate(string? name, LatchworkHealthOptions options)
    {
        if (name != check) return ValidateOptionsResult.Skip;

        string[] failures = [.. settings.Of<LatchworkHealthOptions>(name), .. LatchworkHealthOptions.Set.FindErrors(options).Select(static error => error + ".")];
        return failures.Length == 0
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(failures.Select(failure => $"Health check '{check}': {failure}"));
    }
}
