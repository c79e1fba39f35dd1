using Microsoft.Extensions.DependencyInjection;

namespace Latchwork.Testing;

/// <summary>
/// A service provider with Latchwork in memory, for tests of handlers and of services that post. Nothing runs by itself: the test moves the
/// clock. For a whole application, call <c>services.AddLatchworkTesting()</c> in its test host instead.
/// </summary>
public sealed class LatchworkTestHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private LatchworkTestHost(ServiceProvider services)
    {
        _services = services;
        Tester = services.GetRequiredService<LatchworkTester>();
    }

    /// <summary>The services.</summary>
    public IServiceProvider Services => _services;

    /// <summary>Moves the time, and says what happened.</summary>
    public LatchworkTester Tester { get; }

    /// <summary>The clock of the services and the store.</summary>
    public ManualTimeProvider Clock => Tester.Clock;

    /// <summary>Creates a host.</summary>
    /// <param name="configure">Adds the application's services: <c>AddLatchwork().AddTimer&lt;…&gt;(…)</c> and what the handlers need. A store need not be chosen.</param>
    /// <param name="clock">The clock. Default: null, a new one.</param>
    /// <returns>The host.</returns>
    public static LatchworkTestHost Create(Action<IServiceCollection> configure, ManualTimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var services = new ServiceCollection();
        configure(services);
        services.AddLatchworkTesting(clock);
        return new LatchworkTestHost(services.BuildServiceProvider(validateScopes: true));
    }

    /// <summary>The timer of a kind of event.</summary>
    /// <typeparam name="TEvent">The kind of event.</typeparam>
    /// <param name="key">Its service key, where it needs one.</param>
    /// <returns>The timer.</returns>
    public IDistributedTimer<TEvent> Timer<TEvent>(string? key = null) =>
        key is null ? _services.GetRequiredService<IDistributedTimer<TEvent>>() : _services.GetRequiredKeyedService<IDistributedTimer<TEvent>>(key);

    /// <inheritdoc cref="LatchworkTester.AdvanceAsync"/>
    public Task<int> AdvanceAsync(TimeSpan span) => Tester.AdvanceAsync(span);

    /// <inheritdoc cref="LatchworkTester.DrainAsync"/>
    public Task<int> DrainAsync() => Tester.DrainAsync();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
