using Latchwork.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Latchwork.Hosting;

/// <summary>Makes the source of a store from the services and from the store's own configuration section, if there is a configuration.</summary>
internal delegate LatchworkStoreSource StoreFactory(IServiceProvider services, IConfigurationSection? settings);

/// <summary>Makes what handles the deliveries of a namespace.</summary>
internal delegate Func<TimerDelivery, CancellationToken, Task> HandlerFactory(IServiceProvider services, TimerOptions options);

/// <summary>One choice of a store.</summary>
internal sealed record StoreChoice(string Name, StoreFactory Create);

/// <summary>One namespace and its kind of event.</summary>
internal sealed class TimerRegistration(string ns, Type eventType)
{
    public string Namespace => ns;

    public Type EventType => eventType;

    /// <summary>Reads an event of this namespace.</summary>
    public required Func<IServiceProvider, ReadOnlyMemory<byte>, object> Read { get; init; }

    /// <summary>Writes an event of this namespace.</summary>
    public required Func<IServiceProvider, object, byte[]> Write { get; init; }

    /// <summary>The schedules that the code declares.</summary>
    public List<ScheduleRegistration> Schedules { get; } = [];

    /// <summary>Whether schedules that no application declares any more are removed.</summary>
    public bool RemovesUnlisted { get; set; }

    /// <summary>Null if this application only posts.</summary>
    public HandlerFactory? Handler { get; set; }
}

/// <summary>What one <c>AddLatchwork</c> and the calls on its builder ask for. It becomes objects when the services are resolved.</summary>
internal sealed class LatchworkRegistration(string? key, IConfigurationSection? configuration)
{
    private IConfigurationSection? _configuration = configuration;

    public string? Key => key;

    public string OptionsName => key ?? Options.DefaultName;

    public List<StoreChoice> Stores { get; } = [];

    /// <summary>Whether the hosted listener listens. Not so in tests that move the time by hand.</summary>
    public bool Listens { get; set; } = true;

    public List<TimerRegistration> Timers { get; } = [];

    public List<string> Lockers { get; } = [];

    /// <summary>The service key, and the name of the options, of a namespace.</summary>
    public string KeyOf(string ns) => key is null ? ns : $"{key}:{ns}";

    /// <summary>The service keys of the namespaces.</summary>
    public IEnumerable<string> NamespaceKeys => Timers.Select(timer => timer.Namespace).Concat(Lockers).Select(KeyOf);

    /// <summary>Says which section is to be read.</summary>
    /// <exception cref="InvalidOperationException">Another one was named before.</exception>
    public void ReadFrom(IConfigurationSection section)
    {
        if (_configuration is not null && _configuration.Path != section.Path)
        {
            throw new InvalidOperationException(
                $"This registration of Latchwork reads its settings from the section '{_configuration.Path}' already; it cannot read them from '{section.Path}', too.");
        }

        _configuration = section;
    }

    /// <summary>The section of the configuration; null where there is no configuration.</summary>
    public IConfigurationSection? SectionOf(IServiceProvider services)
    {
        if (_configuration is not null) return _configuration;
        IConfigurationSection? root = services.GetService<IConfiguration>()?.GetSection(LatchworkOptions.SectionName);
        return key is null ? root : root?.GetSection(key);
    }

    /// <summary>The checked options.</summary>
    /// <exception cref="OptionsValidationException">Something is wrong; all of it is named.</exception>
    public LatchworkOptions OptionsOf(IServiceProvider services) => services.GetRequiredService<IOptionsMonitor<LatchworkOptions>>().Get(OptionsName);

    public LatchworkStore StoreOf(IServiceProvider services) => key is null
        ? services.GetRequiredService<LatchworkStore>()
        : services.GetRequiredKeyedService<LatchworkStore>(key);

    public TimerListenerSet ListenersOf(IServiceProvider services) => key is null
        ? services.GetRequiredService<TimerListenerSet>()
        : services.GetRequiredKeyedService<TimerListenerSet>(key);

    public DistributedTimer TimerOf(IServiceProvider services, string ns) => services.GetRequiredKeyedService<DistributedTimer>(KeyOf(ns));

    public TimerOptions TimerOptionsOf(IServiceProvider services, string ns) =>
        services.GetRequiredService<IOptionsMonitor<TimerOptions>>().Get(KeyOf(ns));

    /// <summary>A service of this registration: with its key, if it has one.</summary>
    public ServiceDescriptor Singleton<TService>(Func<IServiceProvider, TService> create)
        where TService : class => key is null
        ? ServiceDescriptor.Singleton(create)
        : ServiceDescriptor.KeyedSingleton(key, (services, _) => create(services));

    public LatchworkStoreSource CreateSource(IServiceProvider services)
    {
        StoreChoice choice = Stores[0];
        return choice.Create(services, SectionOf(services)?.GetSection(choice.Name));
    }

    public LatchworkStore CreateStore(IServiceProvider services)
    {
        LatchworkOptions options = OptionsOf(services);
        LatchworkStoreSource source = CreateSource(services);
        return source is ReadyStoreSource ready
            ? ready.Open()
            : new ConnectingStore(source, options.StoreUnavailableTimeout, LogOf(services));
    }

    public DistributedTimer CreateTimer(IServiceProvider services, string ns)
    {
        string? nodeId = OptionsOf(services).NodeId;
        TimerOptions options = TimerOptionsOf(services, ns);
        options.NodeId ??= nodeId;
        return new DistributedTimer(StoreOf(services), options);
    }

    /// <param name="services">The services.</param>
    /// <param name="ns">The namespace; null for the locker that every registration has.</param>
    public ProcessLocker CreateLocker(IServiceProvider services, string? ns)
    {
        string? nodeId = OptionsOf(services).NodeId;
        LockerOptions options = services.GetRequiredService<IOptionsMonitor<LockerOptions>>().Get(ns is null ? OptionsName : KeyOf(ns));
        options.NodeId ??= nodeId;
        return new ProcessLocker(StoreOf(services), options);
    }

    /// <summary>The one timer of a type of event, for those who name no namespace.</summary>
    /// <exception cref="InvalidOperationException">There are several.</exception>
    public IDistributedTimer<TEvent> OnlyTimerOf<TEvent>(IServiceProvider services)
    {
        string[] keys = [.. Timers.Where(timer => timer.EventType == typeof(TEvent)).Select(timer => KeyOf(timer.Namespace))];
        return keys.Length == 1
            ? services.GetRequiredKeyedService<IDistributedTimer<TEvent>>(keys[0])
            : throw new InvalidOperationException(
                $"There are {keys.Length} timers for events of type {typeof(TEvent)}. Say which one is meant: [FromKeyedServices(\"…\")] with " +
                $"one of the keys {string.Join(", ", keys.Select(one => $"'{one}'"))}.");
    }

    public static ILogger LogOf(IServiceProvider services) =>
        services.GetService<ILoggerFactory>()?.CreateLogger(HostingLog.Category) ?? NullLogger.Instance;
}
