using System.Diagnostics.CodeAnalysis;
using Latchwork.Hosting;
using Latchwork.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Latchwork;

/// <summary>Chooses the store of one <c>AddLatchwork</c>, and adds timers and lockers to it.</summary>
public sealed partial class LatchworkBuilder
{
    private readonly LatchworkRegistration _registration;

    internal LatchworkBuilder(IServiceCollection services, LatchworkRegistration registration)
    {
        Services = services;
        _registration = registration;
    }

    /// <summary>The services.</summary>
    public IServiceCollection Services { get; }

    /// <summary>The service key of this registration; null for the one without.</summary>
    public string? Key => _registration.Key;

    /// <summary>Keeps everything in this process's memory: for tests and demonstrations. Its clock is the <see cref="TimeProvider"/> of the services, if there is one.</summary>
    /// <returns>The builder.</returns>
    public LatchworkBuilder UseInMemory() =>
        UseStore("InMemory", static (services, _) => new ReadyStoreSource(() => new InMemoryStore(services.GetService<TimeProvider>()), "memory:"));

    /// <summary>Uses a store that was opened elsewhere and is disposed there, after the application.</summary>
    /// <param name="store">The store.</param>
    /// <returns>The builder.</returns>
    public LatchworkBuilder UseStore(LatchworkStore store)
    {
        ArgumentNullException.ThrowIfNull(store);
        return UseStore(store.GetType().Name, (_, _) => new ReadyStoreSource(() => new BorrowedStore(store), store.Description));
    }

    /// <summary>Uses a store of another package. Called by that package's <c>Use…</c> method.</summary>
    /// <param name="name">The name of the store, and of its section within that of Latchwork (<c>Latchwork:Redis</c>).</param>
    /// <param name="create">
    /// Makes the source of the store from the services and the configuration section, which is null where there is no configuration. It opens
    /// nothing yet, and is called more than once. An <see cref="ArgumentException"/> counts as wrong settings.
    /// </param>
    /// <returns>The builder.</returns>
    [Experimental("LATCHWORK001")]
    public LatchworkBuilder UseStore(string name, Func<IServiceProvider, IConfigurationSection?, LatchworkStoreSource> create)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(create);
        _registration.Stores.Add(new StoreChoice(name, (services, settings) => create(services, settings)));
        return this;
    }

    /// <summary>
    /// Changes the settings of the locker that is injected as <see cref="IProcessLocker"/>. They are read from the configuration section
    /// <c>Latchwork:Locker</c> first.
    /// </summary>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder.</returns>
    public LatchworkBuilder ConfigureLocker(Action<LockerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        Services.Configure(_registration.OptionsName, configure);
        return this;
    }

    /// <summary>
    /// Adds a locker of another namespace, injected as <see cref="IProcessLocker"/> with the namespace as its key (<c>KEY:NAMESPACE</c> for a
    /// keyed registration). Its settings are read from the configuration section <c>Latchwork:Lockers:NAMESPACE</c>.
    /// </summary>
    /// <param name="ns">The namespace: 1 to 512 bytes of UTF-8.</param>
    /// <param name="configure">Changes the settings.</param>
    /// <returns>The builder.</returns>
    public LatchworkBuilder AddLocker(string ns, Action<LockerOptions>? configure = null)
    {
        Limits.CheckId(ns);
        if (!_registration.Lockers.Contains(ns))
        {
            RefuseTaken<IProcessLocker>(_registration.KeyOf(ns));
            _registration.Lockers.Add(ns);
            LatchworkServiceCollectionExtensions.AddLockerOptions(Services, _registration, ns);
            Services.AddKeyedSingleton<IProcessLocker>(_registration.KeyOf(ns), (services, _) => _registration.CreateLocker(services, ns));
        }

        if (configure is not null) Services.Configure(_registration.KeyOf(ns), configure);
        return this;
    }

    private void RefuseTaken<TService>(string key)
    {
        // The services of that registration have the key, some of them of the same types.
        if (LatchworkServiceCollectionExtensions.Find(Services, key) is not null)
        {
            throw new InvalidOperationException($"There is a Latchwork with the service key '{key}' already: give the namespace or the registration another name.");
        }

        if (Services.Any(service => service.IsKeyedService && service.ServiceType == typeof(TService) && key.Equals(service.ServiceKey)))
        {
            throw new InvalidOperationException($"There is a {typeof(TService).Name} with the service key '{key}' already: give the namespace or the registration another name.");
        }
    }
}
