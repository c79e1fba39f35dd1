using Microsoft.Extensions.Primitives;

namespace Latchwork.Dashboard;

/// <summary>What a user wants done: the same fields in a query, in a form and on the page that confirms it.</summary>
internal sealed record ActionRequest
{
    /// <summary>The most ids that are changed together.</summary>
    public const int MaxIds = 200;

    private const int MaxDelayText = 64;

    public required string Action { get; init; }

    public required string Namespace { get; init; }

    /// <summary>The ids, or the key, that are meant; none for an action on the namespace or on all of a filter.</summary>
    public IReadOnlyList<string> Ids { get; init; } = [];

    /// <summary>Which dead letters are meant by "all"; null: each.</summary>
    public DeadLetterReason? Reason { get; init; }

    /// <summary>Why a namespace is paused.</summary>
    public string Why { get; init; } = "";

    /// <summary>When an event is due, from now.</summary>
    public TimeSpan? Delay { get; init; }

    /// <summary>The payload of an event that is posted.</summary>
    public string Payload { get; init; } = "";

    /// <exception cref="ArgumentException">A field is missing or refused; it is named.</exception>
    public static ActionRequest Read(Func<string, StringValues> field, Func<string?, DeadLetterReason?> reasonOf)
    {
        string ns = One("ns") ?? "", why = One("why") ?? "";
        Limits.CheckId(ns, "ns");
        Limits.CheckText(why, 0, Limits.MaxReasonBytes, "why");
        string[] ids = [.. field("id").OfType<string>().Where(static id => id.Length > 0).Distinct(StringComparer.Ordinal)];
        if (ids.Length > MaxIds) throw new ArgumentException($"'id' may be given up to {MaxIds} times; it is given {ids.Length} times.");
        foreach (string id in ids) Limits.CheckId(id);
        TimeSpan? delay = null;
        if (One("delay") is { } text)
        {
            if (text.Length > MaxDelayText || !DurationText.TryParse(text, out TimeSpan parsed)) throw new ArgumentException($"'delay' must be a duration, such as {DurationText.Examples}.");
            Limits.CheckDuration(parsed, TimeSpan.Zero, Limits.MaxDelay, "delay");
            delay = parsed;
        }

        return new ActionRequest { Action = One("action") ?? "", Namespace = ns, Ids = ids, Reason = reasonOf(One("reason")), Why = why, Delay = delay, Payload = One("payload") ?? "" };

        string? One(string name) => field(name) is [{ Length: > 0 } value, ..] ? value : null;
    }

    /// <summary>The fields of the form that repeats the request.</summary>
    public IEnumerable<(string Name, string Value)> Fields()
    {
        yield return ("action", Action);
        yield return ("ns", Namespace);
        foreach (string id in Ids) yield return ("id", id);
        if (Reason is { } reason) yield return ("reason", reason.ToString());
        if (Why.Length > 0) yield return ("why", Why);
        if (Delay is { } delay) yield return ("delay", DurationText.Write(delay));
        if (Payload.Length > 0) yield return ("payload", Payload);
    }
}
