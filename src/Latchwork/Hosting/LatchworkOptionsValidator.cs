using Microsoft.Extensions.Options;

namespace Latchwork.Hosting;

/// <summary>Checks everything that one <c>AddLatchwork</c> asks for, and names all that is wrong with it together: its own options, the store, the timers, the lockers.</summary>
internal sealed class LatchworkOptionsValidator(
    LatchworkRegistration registration,
    IServiceProvider services,
    IOptionsMonitor<TimerOptions> timers,
    IOptionsMonitor<LockerOptions> lockers,
    SettingsFailures settings) : IValidateOptions<LatchworkOptions>
{
    private const string HowToChoose = "call UseRedis(…), UseSqlite(…) or UseInMemory() on what AddLatchwork returns";

    public ValidateOptionsResult Validate(string? name, LatchworkOptions options)
    {
        if (name != registration.OptionsName) return ValidateOptionsResult.Skip;

        List<string> failures = [.. settings.Of<LatchworkOptions>(name)];
        failures.AddRange(LatchworkOptions.Set.FindErrors(options).Select(static error => error + "."));
        CheckStore();
        foreach (TimerRegistration timer in registration.Timers) CheckTimer(timer.Namespace);
        CheckLocker(null);
        foreach (string ns in registration.Lockers) CheckLocker(ns);
        if (failures.Count == 0) return ValidateOptionsResult.Success;

        string which = registration.Key is null ? "Latchwork" : $"Latchwork '{registration.Key}'";
        return ValidateOptionsResult.Fail(failures.Select(failure => $"{which}: {failure}"));

        void CheckStore()
        {
            if (registration.Stores.Count == 0)
            {
                failures.Add($"No store was chosen: {HowToChoose}.");
            }
            else if (registration.Stores.Count > 1)
            {
                failures.Add($"{registration.Stores.Count} stores were chosen ({string.Join(", ", registration.Stores.Select(store => store.Name))}), and there can " +
                    "be one: give another AddKeyedLatchwork(…) to the others.");
            }
            else
            {
                failures.Gather(() => failures.AddRange(registration.CreateSource(services).Failures));
            }
        }

        void CheckTimer(string ns)
        {
            TimerOptions timer = timers.Get(registration.KeyOf(ns));
            failures.AddRange(settings.Of<TimerOptions>(registration.KeyOf(ns)));
            failures.AddRange(TimerOptions.Set.FindErrors(timer).Select(error => $"Timer '{ns}': {error}."));
            if (timer.Namespace != ns) failures.Add($"Timer '{ns}': Namespace must stay as it was registered; it is '{timer.Namespace}'.");
        }

        void CheckLocker(string? ns)
        {
            string key = ns is null ? registration.OptionsName : registration.KeyOf(ns);
            LockerOptions locker = lockers.Get(key);
            failures.AddRange(settings.Of<LockerOptions>(key));
            string what = ns is null ? "Locker" : $"Locker '{ns}'";
            failures.AddRange(LockerOptions.Set.FindErrors(locker).Select(error => $"{what}: {error}."));
            if (ns is not null && locker.Namespace != ns) failures.Add($"{what}: Namespace must stay as it was registered; it is '{locker.Namespace}'.");
        }
    }
}
