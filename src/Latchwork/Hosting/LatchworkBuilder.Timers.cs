using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using Latchwork.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Latchwork;

/// <content>Timers: one namespace, one kind of event, one handler.</content>
public sealed partial class LatchworkBuilder
{
    /// <summary>
    /// Adds a timer for posting, injected as <see cref="IDistributedTimer{TEvent}"/>. Without a handler this application claims nothing. Its settings are
    /// read from the configuration sections <c>Latchwork:TimerDefaults</c> and <c>Latchwork:Timers:NAMESPACE</c>.
    /// </summary>
    /// <typeparam name="TEvent">The kind of event.</typeparam>
    /// <param name="ns">The namespace: 1 to 512 bytes of UTF-8. Also the key of the service, where several namespaces have events of one type.</param>
    /// <param name="configure">Changes the settings. <see cref="TimerOptions.MaxRetries"/> is 10 here.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="InvalidOperationException">The namespace has events of another type, or a handler already.</exception>
    [RequiresUnreferencedCode(PayloadSerializer.UsesReflection)]
    [RequiresDynamicCode(PayloadSerializer.UsesDynamicCode)]
    public LatchworkBuilder AddTimer<TEvent>(string ns, Action<TimerOptions>? configure = null) =>
        Add(ns, EventFormat<TEvent>.ByReflection(), null, configure);

    /// <summary>Adds a timer for posting, without reflection.</summary>
    /// <inheritdoc cref="AddTimer{TEvent}(string, Action{TimerOptions}?)"/>
    /// <param name="ns">The namespace.</param>
    /// <param name="typeInfo">How events are written and read.</param>
    /// <param name="configure">Changes the settings.</param>
    public LatchworkBuilder AddTimer<TEvent>(string ns, JsonTypeInfo<TEvent> typeInfo, Action<TimerOptions>? configure = null) =>
        Add(ns, FormatOf(typeInfo), null, configure);

    /// <summary>Adds a timer whose events are handled here, each by a handler from a scope of its own.</summary>
    /// <inheritdoc cref="AddTimer{TEvent}(string, Action{TimerOptions}?)"/>
    /// <typeparam name="TEvent">The kind of event.</typeparam>
    /// <typeparam name="THandler">The handler; registered as scoped unless it is registered already.</typeparam>
    [RequiresUnreferencedCode(PayloadSerializer.UsesReflection)]
    [RequiresDynamicCode(PayloadSerializer.UsesDynamicCode)]
    public LatchworkBuilder AddTimer<TEvent, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        string ns, Action<TimerOptions>? configure = null)
        where THandler : class, ITimerHandler<TEvent> =>
        AddHandler<TEvent, THandler>(ns, EventFormat<TEvent>.ByReflection(), configure);

    /// <summary>Adds a timer whose events are handled here, each by a handler from a scope of its own, without reflection.</summary>
    /// <inheritdoc cref="AddTimer{TEvent}(string, Action{TimerOptions}?)"/>
    /// <typeparam name="TEvent">The kind of event.</typeparam>
    /// <typeparam name="THandler">The handler; registered as scoped unless it is registered already.</typeparam>
    /// <param name="ns">The namespace.</param>
    /// <param name="typeInfo">How events are written and read.</param>
    /// <param name="configure">Changes the settings.</param>
    public LatchworkBuilder AddTimer<TEvent, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        string ns, JsonTypeInfo<TEvent> typeInfo, Action<TimerOptions>? configure = null)
        where THandler : class, ITimerHandler<TEvent> =>
        AddHandler<TEvent, THandler>(ns, FormatOf(typeInfo), configure);

    /// <summary>Adds a timer whose events are handled here by a delegate.</summary>
    /// <inheritdoc cref="AddTimer{TEvent}(string, Action{TimerOptions}?)"/>
    /// <param name="ns">The namespace.</param>
    /// <param name="handler">Handles a delivery: returning confirms, throwing spends a retry.</param>
    /// <param name="configure">Changes the settings.</param>
    [RequiresUnreferencedCode(PayloadSerializer.UsesReflection)]
    [RequiresDynamicCode(PayloadSerializer.UsesDynamicCode)]
    public LatchworkBuilder AddTimer<TEvent>(
        string ns, Func<TEvent, TimerDelivery, CancellationToken, Task> handler, Action<TimerOptions>? configure = null) =>
        Add(ns, EventFormat<TEvent>.ByReflection(), HandlingOf(handler), configure);

    /// <summary>Adds a timer whose events are handled here by a delegate, without reflection.</summary>
    /// <inheritdoc cref="AddTimer{TEvent}(string, Func{TEvent, TimerDelivery, CancellationToken, Task}, Action{TimerOptions}?)"/>
    /// <param name="ns">The namespace.</param>
    /// <param name="typeInfo">How events are written and read.</param>
    /// <param name="handler">Handles a delivery: returning confirms, throwing spends a retry.</param>
    /// <param name="configure">Changes the settings.</param>
    public LatchworkBuilder AddTimer<TEvent>(
        string ns,
        JsonTypeInfo<TEvent> typeInfo,
        Func<TEvent, TimerDelivery, CancellationToken, Task> handler,
        Action<TimerOptions>? configure = null) =>
        Add(ns, FormatOf(typeInfo), HandlingOf(handler), configure);

    /// <summary>Adds a timer whose events are handled here by a delegate that is given the services of the delivery's scope.</summary>
    /// <inheritdoc cref="AddTimer{TEvent}(string, Func{TEvent, TimerDelivery, CancellationToken, Task}, Action{TimerOptions}?)"/>
    [RequiresUnreferencedCode(PayloadSerializer.UsesReflection)]
    [RequiresDynamicCode(PayloadSerializer.UsesDynamicCode)]
    public LatchworkBuilder AddTimer<TEvent>(
        string ns, Func<IServiceProvider, TEvent, TimerDelivery, CancellationToken, Task> handler, Action<TimerOptions>? configure = null) =>
        Add(ns, EventFormat<TEvent>.ByReflection(), HandlingOf(handler), configure);

    /// <summary>Adds a timer whose events are handled here by a delegate that is given the services of the delivery's scope, without reflection.</summary>
    /// <inheritdoc cref="AddTimer{TEvent}(string, JsonTypeInfo{TEvent}, Func{TEvent, TimerDelivery, CancellationToken, Task}, Action{TimerOptions}?)"/>
    public LatchworkBuilder AddTimer<TEvent>(
        string ns,
        JsonTypeInfo<TEvent> typeInfo,
        Func<IServiceProvider, TEvent, TimerDelivery, CancellationToken, Task> handler,
        Action<TimerOptions>? configure = null) =>
        Add(ns, FormatOf(typeInfo), HandlingOf(handler), configure);

    private static EventFormat<TEvent> FormatOf<TEvent>(JsonTypeInfo<TEvent> typeInfo)
    {
        ArgumentNullException.ThrowIfNull(typeInfo);
        return EventFormat<TEvent>.By(typeInfo);
    }

    private static EventHandling<TEvent> HandlingOf<TEvent>(Func<TEvent, TimerDelivery, CancellationToken, Task> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return (_, value, delivery, cancellationToken) => handler(value, delivery, cancellationToken);
    }

    private static EventHandling<TEvent> HandlingOf<TEvent>(Func<IServiceProvider, TEvent, TimerDelivery, CancellationToken, Task> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return (services, value, delivery, cancellationToken) => handler(services, value, delivery, cancellationToken);
    }

    private LatchworkBuilder AddHandler<TEvent, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] THandler>(
        string ns, EventFormat<TEvent> format, Action<TimerOptions>? configure)
        where THandler : class, ITimerHandler<TEvent>
    {
        Add<TEvent>(
            ns,
            format,
            static (services, value, delivery, cancellationToken) => services.GetRequiredService<THandler>().HandleAsync(value, delivery, cancellationToken),
            configure);
        Services.TryAddScoped<THandler>();
        return this;
    }

    private LatchworkBuilder Add<TEvent>(string ns, EventFormat<TEvent> format, EventHandling<TEvent>? handling, Action<TimerOptions>? configure)
    {
        Limits.CheckId(ns);
        TimerRegistration timer = _registration.Timers.Find(one => one.Namespace == ns) ?? Register(ns, format);
        if (timer.EventType != typeof(TEvent))
        {
            throw new InvalidOperationException($"The namespace '{ns}' has events of type {timer.EventType}; it cannot have events of type {typeof(TEvent)}, too.");
        }

        if (handling is not null)
        {
            if (timer.Handler is not null) throw new InvalidOperationException($"The namespace '{ns}' has a handler already, and can have one.");
            timer.Handler = (services, options) => new HandlerBridge<TEvent>(
                services.GetRequiredService<IServiceScopeFactory>(),
                format,
                options.SerializerOptions,
                handling,
                LatchworkRegistration.LogOf(services)).HandleAsync;
        }

        if (configure is not null) Services.Configure(_registration.KeyOf(ns), configure);
        return this;
    }

    private TimerRegistration Register<TEvent>(string ns, EventFormat<TEvent> format)
    {
        LatchworkRegistration registration = _registration;
        string key = registration.KeyOf(ns);
        RefuseTaken<DistributedTimer>(key);
        var timer = new TimerRegistration(ns, typeof(TEvent))
        {
            Read = (services, payload) => format.Read(payload, registration.TimerOptionsOf(services, ns).SerializerOptions)!,
            Write = (services, value) => format.Write((TEvent)value, registration.TimerOptionsOf(services, ns).SerializerOptions),
        };
        registration.Timers.Add(timer);
        Services.AddOptions<TimerOptions>(key).Configure<IServiceProvider, SettingsFailures>((options, services, settings) =>
        {
            options.Namespace = ns;
            options.CompletedRetention = TimerOptions.HostedCompletedRetention;
            options.LoggerFactory = services.GetService<ILoggerFactory>();
            options.TimeProvider = services.GetService<TimeProvider>() ?? TimeProvider.System;
            List<string> failures = settings.Begin<TimerOptions>(key);
            if (registration.SectionOf(services) is { } section) SettingsBinding.Bind(section, ns, options, failures);
        });
        Services.AddKeyedSingleton(key, (services, _) => registration.CreateTimer(services, ns));
        Services.AddKeyedSingleton<IDistributedTimer<TEvent>>(key, (services, _) => new HostedTimer<TEvent>(
            registration.TimerOf(services, ns), format, registration.TimerOptionsOf(services, ns).SerializerOptions));
        Services.TryAdd(registration.Singleton(registration.OnlyTimerOf<TEvent>));
        return timer;
    }
}
