using System.Collections.Concurrent;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Latchwork.Hosting;

/// <summary>Which setting of the configuration becomes which option.</summary>
internal static class SettingsBinding
{
    public const string Timers = "Timers";
    public const string TimerDefaults = "TimerDefaults";
    public const string Locker = "Locker";
    public const string Lockers = "Lockers";
    public const string Health = "Health";

    public static void Bind(IConfigurationSection section, LatchworkRegistration registration, LatchworkOptions options, List<string> failures)
    {
        var reader = new SettingsReader(section, failures);
        reader.Text(nameof(options.NodeId), value => options.NodeId = value);
        reader.Span(nameof(options.StoreUnavailableTimeout), value => options.StoreUnavailableTimeout = value);
        foreach (string name in (string[])[TimerDefaults, Locker, Health]) reader.Section(name);
        reader.Section(Timers).RefuseUnknownNames([.. registration.Timers.Select(timer => timer.Namespace)], "timer");
        reader.Section(ScheduleRegistration.Section).RefuseUnknownNames([.. registration.Timers.Select(timer => timer.Namespace)], "timer");
        foreach (TimerRegistration timer in registration.Timers) ScheduleRegistration.Read(section, timer, failures);
        reader.Section(Lockers).RefuseUnknownNames(registration.Lockers, "locker");
        // Sections are those of stores and of keyed registrations, which may belong to another program that shares the file.
        reader.RefuseUnknown(sectionsToo: false);
    }

    /// <summary>Reads the defaults of all timers, then the timer's own settings.</summary>
    public static void Bind(IConfigurationSection section, string ns, TimerOptions options, List<string> failures)
    {
        Bind(section.GetSection(TimerDefaults), options, failures);
        Bind(section.GetSection(Timers).GetSection(ns), options, failures);
    }

    /// <param name="section">The section of the registration.</param>
    /// <param name="ns">The locker's namespace; null for the one that every registration has.</param>
    /// <param name="options">The options.</param>
    /// <param name="failures">Takes what cannot be read.</param>
    public static void Bind(IConfigurationSection section, string? ns, LockerOptions options, List<string> failures)
    {
        var reader = new SettingsReader(ns is null ? section.GetSection(Locker) : section.GetSection(Lockers).GetSection(ns), failures);
        if (ns is null) reader.Text(nameof(options.Namespace), value => options.Namespace = value);
        reader.Text(nameof(options.NodeId), value => options.NodeId = value);
        reader.Span(nameof(options.ResultTimeout), value => options.ResultTimeout = value);
        reader.Span(nameof(options.LockTimeout), value => options.LockTimeout = value);
        reader.Span(nameof(options.LeaseDuration), value => options.LeaseDuration = value);
        reader.Span(nameof(options.WaitTimeout), value => options.WaitTimeout = value);
        reader.Span(nameof(options.FallbackPollInterval), value => options.FallbackPollInterval = value);
        reader.Span(nameof(options.StoreRetryTimeout), value => options.StoreRetryTimeout = value);
        reader.Span(nameof(options.ShutdownTimeout), value => options.ShutdownTimeout = value);
        reader.Number(nameof(options.MaxResultBytes), value => options.MaxResultBytes = value);
        reader.Flag(nameof(options.LogKeys), value => options.LogKeys = value);
        reader.RefuseUnknown();
    }

    public static void Bind(IConfigurationSection section, LatchworkHealthOptions options, List<string> failures)
    {
        var reader = new SettingsReader(section.GetSection(Health), failures);
        reader.Span(nameof(options.DegradedOverdue), value => options.DegradedOverdue = value);
        reader.Span(nameof(options.UnhealthyOverdue), value => options.UnhealthyOverdue = value);
        reader.Choice<HealthStatus>(nameof(options.NotJoined), value => options.NotJoined = value);
        reader.Choice<HealthStatus>(nameof(options.Paused), value => options.Paused = value);
        reader.Choice<HealthStatus>(nameof(options.Warnings), value => options.Warnings = value);
        reader.Texts(nameof(options.AcceptedWarnings), options.AcceptedWarnings.Add);
        reader.Span(nameof(options.Timeout), value => options.Timeout = value);
        reader.RefuseUnknown();
    }

    private static void Bind(IConfigurationSection section, TimerOptions options, List<string> failures)
    {
        var reader = new SettingsReader(section, failures);
        reader.Text(nameof(options.NodeId), value => options.NodeId = value);
        reader.Number(nameof(options.MaxEvents), value => options.MaxEvents = value);
        reader.Number(nameof(options.MaxInFlight), value => options.MaxInFlight = value);
        reader.Number(nameof(options.MaxConcurrency), value => options.MaxConcurrency = value);
        reader.Span(nameof(options.LeaseDuration), value => options.LeaseDuration = value);
        reader.Span(nameof(options.MaxHandlingTime), value => options.MaxHandlingTime = value);
        reader.Choice<Confirmation>(nameof(options.Confirmation), value => options.Confirmation = value);
        reader.Number(nameof(options.MaxRetries), value => options.MaxRetries = value);
        reader.Span(nameof(options.ShutdownTimeout), value => options.ShutdownTimeout = value);
        reader.Number(nameof(options.MaxPayloadBytes), value => options.MaxPayloadBytes = value);
        reader.Span(nameof(options.DeadLetterRetention), value => options.DeadLetterRetention = value);
        reader.Number(nameof(options.MaxDeadLetters), value => options.MaxDeadLetters = value);
        reader.Span(nameof(options.CompletedRetention), value => options.CompletedRetention = value);
        reader.Flag(nameof(options.LogPayloads), value => options.LogPayloads = value);
        SettingsReader backoff = reader.Section(nameof(options.Backoff));
        backoff.Span(nameof(RetryBackoff.Initial), value => options.Backoff = options.Backoff with { Initial = value });
        backoff.Span(nameof(RetryBackoff.Max), value => options.Backoff = options.Backoff with { Max = value });
        backoff.Real(nameof(RetryBackoff.Factor), value => options.Backoff = options.Backoff with { Factor = value });
        backoff.Real(nameof(RetryBackoff.Jitter), value => options.Backoff = options.Backoff with { Jitter = value });
        backoff.RefuseUnknown();
        reader.RefuseUnknown();
    }
}

/// <summary>What could not be read from the configuration, by the options that it was meant for.</summary>
internal sealed class SettingsFailures
{
    private readonly ConcurrentDictionary<(Type Options, string Name), List<string>> _failures = new();

    /// <summary>Begins a reading: what a former one found is forgotten.</summary>
    public List<string> Begin<TOptions>(string name) => _failures[(typeof(TOptions), name)] = [];

    public IReadOnlyList<string> Of<TOptions>(string name) => _failures.GetValueOrDefault((typeof(TOptions), name)) ?? [];
}
