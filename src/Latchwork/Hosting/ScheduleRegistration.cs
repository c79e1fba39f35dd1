using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Extensions.Configuration;

namespace Latchwork.Hosting;

/// <summary>One schedule that an application declares.</summary>
/// <param name="Id">The schedule.</param>
/// <param name="Schedule">When it recurs.</param>
/// <param name="Payload">Writes the payload.</param>
/// <param name="Options">How it is declared.</param>
internal sealed record ScheduleRegistration(string Id, Schedule Schedule, Func<IServiceProvider, byte[]> Payload, ScheduleOptions Options)
{
    public const string Section = "Schedules";

    /// <summary>The schedules of a namespace: those of the code, with what the configuration says of them, and those of the configuration alone.</summary>
    /// <param name="section">The section of the registration; null if there is none.</param>
    /// <param name="timer">The namespace.</param>
    /// <param name="failures">Takes what cannot be read.</param>
    public static List<ScheduleRegistration> Read(IConfigurationSection? section, TimerRegistration timer, List<string> failures)
    {
        var all = new List<ScheduleRegistration>(timer.Schedules);
        if (section is null) return all;
        foreach (IConfigurationSection child in section.GetSection(Section).GetSection(timer.Namespace).GetChildren())
        {
            int known = all.FindIndex(one => string.Equals(one.Id, child.Key, StringComparison.OrdinalIgnoreCase));
            if (Read(child, known < 0 ? null : all[known], failures) is not { } read) continue;
            if (known < 0) all.Add(read);
            else all[known] = read;
        }

        return all;
    }

    private static ScheduleRegistration? Read(IConfigurationSection section, ScheduleRegistration? code, List<string> failures)
    {
        int before = failures.Count;
        var reader = new SettingsReader(section, failures);
        string? cron = null, zone = null, payload = null;
        TimeSpan? every = null;
        DateTimeOffset? anchor = null;
        var options = new StrongBox<ScheduleOptions>(code?.Options ?? new ScheduleOptions());
        reader.Text("Cron", value => cron = value);
        reader.Text("Zone", value => zone = value);
        reader.Span("Every", value => every = value);
        reader.Text("Anchor", value =>
        {
            if (DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)) anchor = time;
            else reader.Refuse("Anchor", $"must be a time such as 2026-01-31T12:00:00Z; it is '{value}'");
        });
        reader.Text("Payload", value => payload = value);
        reader.Read(ScheduleOptions.Set, options);
        reader.RefuseUnknown();

        if (cron is not null && every is not null) reader.Refuse("Every", "cannot be set together with 'Cron'");
        if (every is null && anchor is not null) reader.Refuse("Anchor", "needs 'Every'");
        if (cron is null && every is null && code is null) reader.Refuse("Cron", "or 'Every' must be set: the code declares no such schedule");
        if (payload is null && code is null) reader.Refuse("Payload", "must be set: the code declares no such schedule");
        Schedule? schedule = code?.Schedule;
        try
        {
            ScheduleReader.CheckId(section.Key);
            if (every is { } interval) schedule = Schedule.Every(interval, anchor);
            else if (cron is not null) schedule = Schedule.Cron(cron, zone ?? "UTC");
            else if (zone is not null && code is { Schedule.Expression: { } expression }) schedule = Schedule.Cron(expression, zone);
            else if (zone is not null) reader.Refuse("Zone", "needs 'Cron'");
        }
        catch (ArgumentException e)
        {
            failures.Add($"'{section.Path}' is no schedule: {ArgumentFailures.MessageOf(e)}");
        }

        if (failures.Count > before) return null;
        byte[]? bytes = payload is null ? null : Encoding.UTF8.GetBytes(payload);
        return new ScheduleRegistration(code?.Id ?? section.Key, schedule!, bytes is null ? code!.Payload : _ => bytes, options.Value!);
    }
}
