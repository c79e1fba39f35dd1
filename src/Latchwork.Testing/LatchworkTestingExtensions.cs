using Latchwork;
using Latchwork.Hosting;
using Latchwork.Storage;
using Latchwork.Testing;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Prepares the services of an application for tests.</summary>
public static class LatchworkTestingExtensions
{
    /// <summary>
    /// Puts every Latchwork of these services into memory, on a clock that stands still until the test moves it, and lets handlers run only
    /// when the test says so, through <see cref="LatchworkTester"/>. Call it last: in <c>ConfigureTestServices</c> of a web application's test.
    /// </summary>
    /// <param name="services">The services, after <c>AddLatchwork</c> was called.</param>
    /// <param name="clock">The clock. Default: null, a new one. It becomes the <see cref="TimeProvider"/> of the services.</param>
    /// <returns>The services.</returns>
    /// <exception cref="InvalidOperationException"><c>AddLatchwork</c> was not called before.</exception>
    public static IServiceCollection AddLatchworkTesting(this IServiceCollection services, ManualTimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        clock ??= new ManualTimeProvider();
        var journal = new TestJournal(clock);
        services.RemoveAll<TimeProvider>();
        services.AddSingleton<TimeProvider>(clock);
        LatchworkRegistration[] registrations =
        [
            .. services.Where(service => !service.IsKeyedService && service.ServiceType == typeof(LatchworkRegistration))
                .Select(service => (LatchworkRegistration)service.ImplementationInstance!),
        ];
        if (registrations.Length == 0) throw new InvalidOperationException("There is no Latchwork to test: call AddLatchwork() first, and AddLatchworkTesting() last.");
        foreach (LatchworkRegistration registration in registrations)
        {
            registration.Listens = false;
            registration.Stores.Clear();
            registration.Stores.Add(new StoreChoice("Testing", (_, _) => new ReadyStoreSource(() => new RecordingStore(new InMemoryStore(clock), journal), "memory:")));
        }

        services.AddSingleton(provider => new LatchworkTester(provider, clock, journal, registrations));
        return services;
    }
}

/// <summary>A store that notes what a test may ask about.</summary>
internal sealed class RecordingStore(InMemoryStore inner, TestJournal journal) : LatchworkStore
{
    public override ITimerStore Timers { get; } = new RecordingTimerStore(inner.Timers, journal);

    public override ILockerStore Locks { get; } = new RecordingLockerStore(inner.Locks, journal);

    public override string Description => inner.Description;

    public override ValueTask DisposeAsync() => inner.DisposeAsync();
}
