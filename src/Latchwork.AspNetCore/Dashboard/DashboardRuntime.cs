using Latchwork.Hosting;
using Latchwork.Monitoring;
using Latchwork.Security;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Latchwork.Dashboard;

/// <summary>What the requests of one dashboard share.</summary>
internal sealed class DashboardRuntime : IAsyncDisposable
{
    public const string Category = "Latchwork.Dashboard";

    private readonly LatchworkRegistration _registration;
    private readonly IServiceProvider _services;
    private readonly Lazy<StoreMonitor> _monitor;

    public DashboardRuntime(LatchworkRegistration registration, IServiceProvider services)
    {
        _registration = registration;
        _services = services;
        Options = services.GetRequiredService<IOptionsMonitor<DashboardOptions>>().Get(registration.OptionsName);
        Log = services.GetRequiredService<ILoggerFactory>().CreateLogger(Category);
        Time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        _monitor = new Lazy<StoreMonitor>(() => new StoreMonitor(Store, Lockers, Time));
        Renderer = new PageRenderer(services);
        Feeds = new FragmentFeeds(Time, Log, Options.MaxStreams);
    }

    public DashboardOptions Options { get; }

    public AccessPolicies Policies => new(Options.ReadPolicy, Options.ChangePolicy, Options.PayloadPolicy);

    public ILogger Log { get; }

    public TimeProvider Time { get; }

    public PageRenderer Renderer { get; }

    public FragmentFeeds Feeds { get; }

    public LatchworkStore Store => _registration.StoreOf(_services);

    public StoreMonitor Monitor => _monitor.Value;

    /// <summary>The namespaces of the lockers of this application: the store may know more.</summary>
    public IReadOnlyList<string> Lockers
    {
        get
        {
            string first = _services.GetRequiredService<IOptionsMonitor<LockerOptions>>().Get(_registration.OptionsName).Namespace;
            return [.. _registration.Lockers.Prepend(first).Distinct(StringComparer.Ordinal)];
        }
    }

    /// <summary>Timers of a namespace for one request.</summary>
    public DistributedTimer OpenTimer(string ns) => new(Store, new TimerOptions { Namespace = ns }.KeepDeadLetters());

    /// <summary>A locker of a namespace for one request.</summary>
    public ProcessLocker OpenLocker(string ns) => new(Store, new LockerOptions { Namespace = ns });

    public async ValueTask DisposeAsync()
    {
        Feeds.Dispose();
        if (_monitor.IsValueCreated) await _monitor.Value.DisposeAsync().ConfigureAwait(false);
    }
}
