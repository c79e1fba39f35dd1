using System.Collections.Concurrent;
using Microsoft.Extensions.Configuration;

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
        reader.Read(LatchworkOptions.Set, options);
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
        reader.Read(LockerOptions.Set, options, except: ns is null ? null : nameof(options.Namespace));
        reader.RefuseUnknown();
    }

    public static void Bind(IConfigurationSection section, LatchworkHealthOptions options, List<string> failures)
    {
        var reader = new SettingsReader(section.GetSection(Health), failures);
        reader.Read(LatchworkHealthOptions.Set, options);
        reader.RefuseUnknown();
    }

    private static void Bind(IConfigurationSection section, TimerOptions options, List<string> failures)
    {
        var reader = new SettingsReader(section, failures);
        reader.Read(TimerOptions.Set, options);
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
