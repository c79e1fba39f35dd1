using System.Globalization;
using System.Text;
using Cronos;

namespace Latchwork;

/// <summary>When something recurs: at the times of a cron expression in a time zone, or in a fixed rhythm. Times are whole milliseconds; nothing drifts.</summary>
public sealed class Schedule
{
    /// <summary>The shortest interval of <see cref="Every"/>: 1 s.</summary>
    public static readonly TimeSpan MinInterval = TimeSpan.FromSeconds(1);

    /// <summary>The longest expression, in characters.</summary>
    public const int MaxExpressionLength = 512;

    /// <summary>The last instant that an event can be due at: see <see cref="Due.At"/>.</summary>
    private static readonly DateTimeOffset _last = DateTimeOffset.UnixEpoch + 2 * Limits.MaxDelay;

    private readonly CronExpression? _cron;
    private readonly TimeZoneInfo _zone = TimeZoneInfo.Utc;

    private Schedule(string expression, CronExpression cron, string zoneId, TimeZoneInfo zone) =>
        (Expression, _cron, ZoneId, _zone) = (expression, cron, zoneId, zone);

    private Schedule(TimeSpan interval, DateTimeOffset anchor) => (Interval, Anchor) = (interval, anchor);

    /// <summary>The cron expression; null for a fixed rhythm.</summary>
    public string? Expression { get; }

    /// <summary>The IANA name of the time zone of the expression; null for a fixed rhythm.</summary>
    public string? ZoneId { get; }

    /// <summary>The interval of a fixed rhythm; null for an expression.</summary>
    public TimeSpan? Interval { get; }

    /// <summary>The time of a fixed rhythm from which its intervals are counted; null for an expression.</summary>
    public DateTimeOffset? Anchor { get; }

    /// <summary>
    /// The times of a cron expression: five fields (minute, hour, day of month, month, day of week), or six with the seconds in front, as Cronos reads them;
    /// also <c>@hourly</c>, <c>@daily</c> and so on.
    /// </summary>
    /// <remarks>
    /// Where the clocks go forward, a time that does not exist is moved to the first one that does; where they go back, an expression for fixed times fires once, one for
    /// intervals (<c>*</c>, ranges, steps) in both hours. See docs/schedules.md.
    /// </remarks>
    /// <param name="expression">The expression: at most 512 characters.</param>
    /// <param name="zone">The IANA name of a time zone (<c>Europe/Paris</c>), on every platform. Default: <c>UTC</c>.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentException">The expression cannot be read, or the zone is not known on this machine.</exception>
    public static Schedule Cron(string expression, string zone = "UTC")
    {
        ArgumentNullException.ThrowIfNull(zone);
        return Cron(expression, zone, FindZone(zone));
    }

    /// <summary>The times of a cron expression in a time zone.</summary>
    /// <param name="expression">See <see cref="Cron(string, string)"/>.</param>
    /// <param name="zone">The time zone. It must have an IANA name, by which it is stored.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentException">The expression cannot be read, or the zone has no IANA name.</exception>
    public static Schedule Cron(string expression, TimeZoneInfo zone)
    {
        ArgumentNullException.ThrowIfNull(zone);
        string? id = zone.HasIanaId || zone.Id == "UTC" ? zone.Id : TimeZoneInfo.TryConvertWindowsIdToIanaId(zone.Id, out string? iana) ? iana : null;
        if (id is null) throw new ArgumentException($"'zone' must be a time zone with an IANA name, by which every node can find it; it is '{zone.Id}'.", nameof(zone));
        return Cron(expression, id, FindZone(id));
    }

    /// <summary>A fixed rhythm: every time that is a whole number of intervals after the anchor, whatever ran when.</summary>
    /// <param name="interval">1 s to 100 years, in whole milliseconds.</param>
    /// <param name="anchor">The first time, between the years 1970 and 2169. Default: null, 1970-01-01 UTC, so that hours and days begin where those of UTC do.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The interval or the anchor is out of its range.</exception>
    public static Schedule Every(TimeSpan interval, DateTimeOffset? anchor = null)
    {
        Limits.CheckDuration(interval, MinInterval, Limits.MaxDelay);
        if (interval.Ticks % TimeSpan.TicksPerMillisecond != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(interval), interval, $"'interval' must be a whole number of milliseconds; it is {interval}.");
        }

        DateTimeOffset from = anchor?.ToUniversalTime() ?? DateTimeOffset.UnixEpoch;
        if (from < DateTimeOffset.UnixEpoch || from > _last)
        {
            throw new ArgumentOutOfRangeException(nameof(anchor), anchor, $"'anchor' must lie between the years 1970 and 2169; it is {from:O}.");
        }

        return new Schedule(interval, new DateTimeOffset(from.Ticks - from.Ticks % TimeSpan.TicksPerMillisecond, TimeSpan.Zero));
    }

    /// <summary>The first time after a given one.</summary>
    /// <param name="time">The time; it does not count itself.</param>
    /// <returns>The time, in UTC; null if there is none before the year 2169.</returns>
    public DateTimeOffset? GetNext(DateTimeOffset time)
    {
        DateTimeOffset? next;
        if (_cron is not null)
        {
            DateTime? utc = _cron.GetNextOccurrence(time.UtcDateTime, _zone);
            next = utc is { } found ? new DateTimeOffset(found, TimeSpan.Zero) : null;
        }
        else
        {
            long passed = time.UtcTicks - Anchor!.Value.UtcTicks;
            long steps = passed < 0 ? 0 : passed / Interval!.Value.Ticks + 1;
            long ticks = Anchor.Value.UtcTicks + steps * Interval!.Value.Ticks;
            next = ticks > _last.UtcTicks ? null : new DateTimeOffset(ticks, TimeSpan.Zero);
        }

        return next <= _last ? next : null;
    }

    /// <summary>The next times after a given one.</summary>
    /// <param name="time">The time; it does not count itself.</param>
    /// <param name="count">How many: 1 to 10,000.</param>
    /// <returns>The times, in UTC; fewer if there are no more.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The count is out of its range.</exception>
    public IReadOnlyList<DateTimeOffset> GetNext(DateTimeOffset time, int count)
    {
        Limits.CheckRange(count, 1, 10_000);
        var times = new List<DateTimeOffset>(Math.Min(count, 64));
        while (times.Count < count && GetNext(time) is { } next)
        {
            times.Add(next);
            time = next;
        }

        return times;
    }

    /// <inheritdoc/>
    public override string ToString() => _cron is not null
        ? $"{Expression} ({ZoneId})"
        : string.Create(CultureInfo.InvariantCulture, $"every {Interval} from {Anchor:yyyy-MM-ddTHH:mm:ss.FFF}Z");

    private static Schedule Cron(string expression, string zoneId, TimeZoneInfo zone)
    {
        ArgumentNullException.ThrowIfNull(expression);
        if (expression.Length > MaxExpressionLength)
        {
            throw new ArgumentException($"'expression' must have at most {MaxExpressionLength} characters; it has {expression.Length}.", nameof(expression));
        }

        string[] fields = expression.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        try
        {
            CronExpression cron = CronExpression.Parse(expression, fields.Length == 6 ? CronFormat.IncludeSeconds : CronFormat.Standard);
            return new Schedule(string.Join(' ', fields), cron, zoneId, zone);
        }
        catch (CronFormatException e)
        {
            throw new ArgumentException($"'expression' must be a cron expression of five or six fields; it is '{Printable(expression)}': {e.Message}", nameof(expression), e);
        }
    }

    // Windows names would be found, too, but not on every platform.
    private static TimeZoneInfo FindZone(string zone)
    {
        try
        {
            if (zone.Length is > 0 and <= 64 && TimeZoneInfo.FindSystemTimeZoneById(zone) is { } found && (found.HasIanaId || zone == "UTC")) return found;
        }
        catch (Exception e) when (e is TimeZoneNotFoundException or InvalidTimeZoneException or System.Security.SecurityException)
        {
            throw Unknown(zone, e);
        }

        throw Unknown(zone, null);
    }

    private static ArgumentException Unknown(string zone, Exception? e) => new(
        $"'zone' must be the IANA name of a time zone that this machine knows, such as 'Europe/Paris'; it is '{Printable(zone)}'.", nameof(zone), e);

    private static string Printable(string text)
    {
        var printable = new StringBuilder();
        foreach (char c in text.AsSpan(0, Math.Min(text.Length, 100))) printable.Append(char.IsControl(c) ? '?' : c);
        return printable.ToString();
    }
}
