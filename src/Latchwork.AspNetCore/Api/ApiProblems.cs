using Microsoft.AspNetCore.Http;

namespace Latchwork.Api;

/// <summary>Errors as problem details (RFC 9457).</summary>
internal static class ApiProblems
{
    public static IResult Of(int status, string title, string detail, params (string Name, object? Value)[] more) =>
        Results.Problem(detail, statusCode: status, title: title, extensions: more.ToDictionary(one => one.Name, one => one.Value));

    /// <summary>A refusal that belongs to normal life: the event is another's by now, say. Nothing was changed.</summary>
    /// <param name="result">The outcome, in a word.</param>
    /// <param name="detail">What it means.</param>
    public static IResult Of(string result, string detail) => Of(
        result == "notFound" ? StatusCodes.Status404NotFound : StatusCodes.Status409Conflict,
        result == "notFound" ? "Not found" : "Conflict",
        detail,
        ("result", result));

    public static IResult NotFound(string what) => Of("notFound", $"There is no such {what}.");

    /// <summary>A bad argument. Nothing was sent to the store.</summary>
    public static IResult Of(ArgumentException e) => Of(
        StatusCodes.Status400BadRequest, "Bad request", ArgumentFailures.MessageOf(e), ("argument", e.ParamName));

    /// <summary>A store that did not answer, or refused: what is known of the operation is said.</summary>
    public static IResult Of(LatchworkStoreException e) => Failed(e.Message, e.Outcome, e.IsTransient);

    /// <summary>A store that failed in the middle: what became of each is said.</summary>
    public static IResult Of(PartlyDoneException e) => e.Ids.Count == 0
        ? Failed(e.Message, e.Failure.Outcome, e.Failure.IsTransient, ("changed", e.Done))
        : Failed(e.Message, e.Failure.Outcome, e.Failure.IsTransient, ("changed", e.Done), ("items", e.Ids.Select((id, i) => new OutcomeAnswer(
            id, i < e.Outcomes.Count ? Words.Of(e.Outcomes[i]) : i == e.Outcomes.Count ? Words.Of(e.Failure.Outcome) : Words.Of(StoreOutcome.NotApplied))).ToArray()));

    /// <summary>A batch of posts of which some failed: what became of each is said.</summary>
    public static IResult Of(TimerBatchException e, IReadOnlyList<PostedEvent> events)
    {
        StoreOutcome outcome = e.Outcomes.Contains(StoreOutcome.Unknown) ? StoreOutcome.Unknown
            : e.Outcomes.Contains(StoreOutcome.NotReplicated) ? StoreOutcome.NotReplicated : StoreOutcome.NotApplied;
        return Failed(
            e.Message,
            outcome,
            e.InnerException is LatchworkStoreException { IsTransient: true },
            ("posted", e.Results.Count(static result => result is not null)),
            ("events", e.Results.Select((result, i) => result is { } posted
                ? new PostManyItem(posted.Id, Words.Of(posted.Outcome))
                : new PostManyItem(events[i].Id, Words.Of(e.Outcomes[i] ?? StoreOutcome.NotApplied))).ToArray()));
    }

    private static IResult Failed(string detail, StoreOutcome outcome, bool isTransient, params (string Name, object? Value)[] more) => Of(
        StatusCodes.Status503ServiceUnavailable,
        "The store failed",
        detail,
        [("outcome", Words.Of(outcome)), ("outcomeIsKnown", outcome != StoreOutcome.Unknown), ("isTransient", isTransient), .. more]);

    /// <summary>More is under way than this process serves at a time.</summary>
    public static BadHttpRequestException TooMany(string detail) => new(detail, StatusCodes.Status429TooManyRequests);

    public static IResult Refused(string detail) => Of(StatusCodes.Status403Forbidden, "Refused", detail);
}
