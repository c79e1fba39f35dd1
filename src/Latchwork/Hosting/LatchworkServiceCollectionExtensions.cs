using Latchwork;
using Latchwork.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers Latchwork with a service collection.</summary>
public static class LatchworkServiceCollectionExtensions
{
    /// <summary>
    /// Registers Latchwork: a <see cref="LatchworkStore"/>, an <see cref="IProcessLocker"/>, and whatever is added to the builder. Settings are
    /// read from the configuration section <c>Latchwork</c>, and then from code; they are checked when the application starts. Calling it
    /// again continues with the same registration.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder: choose a store, add timers.</returns>
    public static LatchworkBuilder AddLatchwork(this IServiceCollection services, Action<LatchworkOptions>? configure = null) =>
        Add(services, key: null, configuration: null, configure);

    /// <inheritdoc cref="AddLatchwork(IServiceCollection, Action{LatchworkOptions}?)"/>
    /// <param name="services">The services.</param>
    /// <param name="configuration">Read in place of the section <c>Latchwork</c>.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <exception cref="InvalidOperationException">An earlier call named another section.</exception>
    public static LatchworkBuilder AddLatchwork(
        this IServiceCollection services, IConfigurationSection configuration, Action<LatchworkOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return Add(services, key: null, configuration, configure);
    }

    /// <summary>
    /// Registers one more Latchwork, with a store of its own, under a service key: its <see cref="LatchworkStore"/>,
    /// <see cref="IProcessLocker"/> and <see cref="IDistributedTimer{TEvent}"/> are injected with <c>[FromKeyedServices(key)]</c>. Its settings are read
    /// from the configuration section <c>Latchwork:KEY</c>.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="key">The service key. No namespace of another registration may have it.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder: choose a store, add timers.</returns>
    /// <exception cref="InvalidOperationException">A namespace has the key already.</exception>
    public static LatchworkBuilder AddKeyedLatchwork(this IServiceCollection services, string key, Action<LatchworkOptions>? configure = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        return Add(services, key, configuration: null, configure);
    }

    /// <inheritdoc cref="AddKeyedLatchwork(IServiceCollection, string, Action{LatchworkOptions}?)"/>
    /// <param name="services">The services.</param>
    /// <param name="key">The service key.</param>
    /// <param name="configuration">Read in place of the section <c>Latchwork:KEY</c>.</param>
    /// <param name="configure">Changes the settings.</param>
    public static LatchworkBuilder AddKeyedLatchwork(
        this IServiceCollection services, string key, IConfigurationSection configuration, Action<LatchworkOptions>? configure = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        ArgumentNullException.ThrowIfNull(configuration);
        return Add(services, key, configuration, configure);
    }

    private static LatchworkBuilder Add(
        IServiceCollection services, string? key, IConfigurationSection? configuration, Action<LatchworkOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        LatchworkRegistration? registration = Find(services, key);
        if (registration is null) registration = Register(services, new LatchworkRegistration(key, configuration));
        else if (configuration is not null) registration.ReadFrom(configuration);
        if (configure is not null) services.Configure(registration.OptionsName, configure);
        return new LatchworkBuilder(services, registration);
    }

    internal static LatchworkRegistration? Find(IServiceCollection services, string? key) =>
        Registrations(services).FirstOrDefault(registration => registration.Key == key);

    private static IEnumerable<LatchworkRegistration> Registrations(IServiceCollection services) => services
        .Where(service => service is { IsKeyedService: false } && service.ServiceType == typeof(LatchworkRegistration))
        .Select(service => (LatchworkRegistration)service.ImplementationInstance!);

    private static LatchworkRegistration Register(IServiceCollection services, LatchworkRegistration registration)
    {
        // Its services would be those of the namespace, on another store.
        if (registration.Key is { } key && Registrations(services).Any(other => other.NamespaceKeys.Contains(key)))
        {
            throw new InvalidOperationException($"There is a namespace with the service key '{key}' already: give the namespace or the registration another name.");
        }

        services.AddSingleton(registration);
        services.TryAddSingleton<SettingsFailures>();
        services.AddOptions<LatchworkOptions>(registration.OptionsName)
            .Configure<IServiceProvider, SettingsFailures>((options, provider, settings) =>
            {
                List<string> failures = settings.Begin<LatchworkOptions>(registration.OptionsName);
                if (registration.SectionOf(provider) is { } section) SettingsBinding.Bind(section, registration, options, failures);
            })
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<LatchworkOptions>>(provider => new LatchworkOptionsValidator(
            registration,
            provider,
            provider.GetRequiredService<IOptionsMonitor<TimerOptions>>(),
            provider.GetRequiredService<IOptionsMonitor<LockerOptions>>(),
            provider.GetRequiredService<SettingsFailures>()));
        AddLockerOptions(services, registration, ns: null);

        services.TryAdd(registration.Singleton<LatchworkStore>(registration.CreateStore));
        services.TryAdd(registration.Singleton<IProcessLocker>(provider => registration.CreateLocker(provider, ns: null)));
        services.Add(registration.Singleton(provider => new TimerListenerSet(registration, provider)));
        services.AddSingleton<IHostedService>(provider => new TimerListeners(registration, provider));
        return registration;
    }

    /// <param name="services">The services.</param>
    /// <param name="registration">The registration.</param>
    /// <param name="ns">The namespace; null for the locker that every registration has.</param>
    internal static OptionsBuilder<LockerOptions> AddLockerOptions(IServiceCollection services, LatchworkRegistration registration, string? ns)
    {
        string name = ns is null ? registration.OptionsName : registration.KeyOf(ns);
        return services.AddOptions<LockerOptions>(name).Configure<IServiceProvider, SettingsFailures>((options, provider, settings) =>
        {
            if (ns is not null) options.Namespace = ns;
            options.LoggerFactory = provider.GetService<ILoggerFactory>();
            options.TimeProvider = provider.GetService<TimeProvider>() ?? TimeProvider.System;
            List<string> failures = settings.Begin<LockerOptions>(name);
            if (registration.SectionOf(provider) is { } section) SettingsBinding.Bind(section, ns, options, failures);
        });
    }
}
