using System.Runtime.CompilerServices;
using Latchwork.Configuration;

namespace Latchwork;

/// <summary>How a schedule is declared.</summary>
public sealed record ScheduleOptions
{
    /// <summary>What each of them may be.</summary>
    internal static OptionSet<StrongBox<ScheduleOptions>> Set { get; } = new OptionSet<StrongBox<ScheduleOptions>>(static () => new(new()))
        .Number(nameof(Revision), 0, long.MaxValue, static o => o.Value!.Revision, static (o, value) => o.Value = o.Value! with { Revision = value })
        .Choice<MisfirePolicy>(nameof(Misfire), static o => o.Value!.Misfire, static (o, value) => o.Value = o.Value! with { Misfire = value })
        .Duration(
            nameof(MisfireThreshold), TimeSpan.Zero, Limits.MaxDelay, static o => o.Value!.MisfireThreshold, static (o, value) => o.Value = o.Value! with { MisfireThreshold = value })
        .Duration(nameof(CatchUpWindow), TimeSpan.Zero, Limits.MaxDelay, static o => o.Value!.CatchUpWindow, static (o, value) => o.Value = o.Value! with { CatchUpWindow = value })
        .Number(nameof(CatchUpLimit), 1, 1_000, static o => o.Value!.CatchUpLimit, static (o, value) => o.Value = o.Value! with { CatchUpLimit = value })
        .Choice<OverlapPolicy>(nameof(Overlap), static o => o.Value!.Overlap, static (o, value) => o.Value = o.Value! with { Overlap = value })
        .Number(
            nameof(MaxRetries), 0, Limits.MaxRetries, static o => o.Value!.MaxRetries, static (o, value) => o.Value = o.Value! with { MaxRetries = value }, whenNull: "that of the timer")
        .Duration(nameof(Jitter), TimeSpan.Zero, TimeSpan.FromDays(1), static o => o.Value!.Jitter, static (o, value) => o.Value = o.Value! with { Jitter = value });

    /// <summary>
    /// The revision of the declaration: 0 or more; default 0. A declaration with a lower revision than the stored one changes nothing, so that an older build beside a
    /// newer one does not undo it.
    /// </summary>
    public long Revision { get; init; }

    /// <summary>How late an occurrence may be claimed and still count as punctual: zero to 100 years; default 1 min.</summary>
    public TimeSpan MisfireThreshold { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>What becomes of missed occurrences. Default: <see cref="MisfirePolicy.Latest"/>.</summary>
    public MisfirePolicy Misfire { get; init; }

    /// <summary>With <see cref="MisfirePolicy.All"/>: how far back missed times run; zero to 100 years; default 1 day.</summary>
    public TimeSpan CatchUpWindow { get; init; } = TimeSpan.FromDays(1);

    /// <summary>With <see cref="MisfirePolicy.All"/>: how many of the newest missed times run; 1 to 1,000; default 100.</summary>
    public int CatchUpLimit { get; init; } = 100;

    /// <summary>What becomes of an occurrence while another is in flight or waits for a retry. Default: <see cref="OverlapPolicy.Skip"/>.</summary>
    public OverlapPolicy Overlap { get; init; }

    /// <summary>The attempts of an occurrence after the first: 0 to 1,000,000. Default: null, as in <see cref="TimerOptions.MaxRetries"/>.</summary>
    public int? MaxRetries { get; init; }

    /// <summary>
    /// Spreads schedules that fall on the same instant: all times of a schedule are later by one span, which is derived from its id and less than this. Zero to 1 day;
    /// default zero.
    /// </summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>Names and values that travel with each occurrence: at most 7 KiB together. Default: null, none.</summary>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }
}
