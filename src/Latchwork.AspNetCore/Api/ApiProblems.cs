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
        StatusCodes.Status400BadRequest, "Bad request", e.Message.Split(" (Parameter", 2)[0].Split("\nActual value", 2)[0].TrimEnd(), ("argument", e.ParamName));

    /// <summary>A store that did not answer, or refused: what is known of the operation is said.</summary>
    public static IResult Of(LatchworkStoreException e) => Of(
        StatusCodes.Status503ServiceUnavailable,
        "The store failed",
        e.Message,
        ("outcome", Words.Of(e.Outcome)),
        ("outcomeIsKnown", e.Outcome != StoreOutcome.Unknown),
        ("isTransient", e.IsTransient));

    public static IResult Refused(string detail) => Of(StatusCodes.Status403Forbidden, "Refused", detail);
}
