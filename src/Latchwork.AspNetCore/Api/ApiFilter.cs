using Microsoft.AspNetCore.Http;

namespace Latchwork.Api;

/// <summary>What an endpoint does with a request that changes something, or gives payloads.</summary>
/// <param name="Changes">Whether it changes something.</param>
/// <param name="NeedsPayloads">Whether it has no use without payloads.</param>
internal sealed record ApiAccess(bool Changes, bool NeedsPayloads = false);

/// <summary>What stands before every endpoint: who may use it, what a browser may send, and how errors are told.</summary>
internal sealed class ApiFilter(HttpApi api)
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        HttpContext context = invocation.HttpContext;
        try
        {
            return await RefusalAsync(context).ConfigureAwait(false) ?? await next(invocation).ConfigureAwait(false);
        }
        catch (ArgumentException e)
        {
            return ApiProblems.Of(e);
        }
        catch (LatchworkStoreException e)
        {
            NoteStoreFailure(api, context, e, e.IsTransient || e.Outcome == StoreOutcome.Unknown);
            return ApiProblems.Of(e);
        }
        catch (PartlyDoneException e)
        {
            NoteStoreFailure(api, context, e, e.Failure.IsTransient || e.Failure.Outcome == StoreOutcome.Unknown);
            return ApiProblems.Of(e);
        }
        catch (BadHttpRequestException e)
        {
            bool isBusy = e.StatusCode == StatusCodes.Status429TooManyRequests;
            if (isBusy) context.Response.Headers.RetryAfter = "1";
            return ApiProblems.Of(e.StatusCode, isBusy ? "Too many" : "Bad request", e.Message);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            return Results.StatusCode(StatusCodes.Status499ClientClosedRequest); // nobody reads it
        }
        catch (Exception e) when (e is ObjectDisposedException || (e is OperationCanceledException && api.Stopping.IsCancellationRequested))
        {
            // The application stops, or the timer of a namespace has just been let go: the next request makes another.
            context.Response.Headers.RetryAfter = "1";
            return ApiProblems.Of(
                StatusCodes.Status503ServiceUnavailable, "Stopping", "The server has stopped serving this, or is about to.",
                ("outcome", Words.Of(StoreOutcome.Unknown)), ("outcomeIsKnown", false), ("isTransient", true));
        }
    }

    /// <summary>Logs that the store failed, and says whether the same request may succeed later.</summary>
    public static void NoteStoreFailure(HttpApi api, HttpContext context, Exception e, bool isWorthRepeating)
    {
        api.Log?.StoreFailed(e, context.Request.Path);
        if (isWorthRepeating) context.Response.Headers.RetryAfter = "1";
    }

    private async Task<IResult?> RefusalAsync(HttpContext context)
    {
        ApiAccess access = context.GetEndpoint()?.Metadata.GetMetadata<ApiAccess>() ?? new ApiAccess(Changes: true, NeedsPayloads: true);
        if (access.Changes)
        {
            // A page of another site can make a browser send its user's credentials. It cannot do so with this type, and without being named as another site.
            if (!context.Request.HasJsonContentType()) return ApiProblems.Of(StatusCodes.Status415UnsupportedMediaType, "Unsupported media type", "What changes something is sent with 'Content-Type: application/json'.");
            if (context.Request.Headers.Cookie.Count > 0) return ApiProblems.Refused("The API takes no cookies: send other credentials.");
            if (context.Request.Headers["Sec-Fetch-Site"].ToString().Equals("cross-site", StringComparison.OrdinalIgnoreCase)) return ApiProblems.Refused("The request comes from a page of another site.");
        }

        // A change answers with what it read, so who changes must be one who may read.
        if (!await api.Policies.MayReadAsync(context).ConfigureAwait(false)) return ApiProblems.Refused("The policy for reading refuses this user.");
        if (access.Changes && !await api.Policies.MayChangeAsync(context).ConfigureAwait(false))
        {
            return ApiProblems.Refused(api.Policies.Change is null ? "The API is read-only: ChangePolicy is not set." : "The policy for changes refuses this user.");
        }

        if (access.NeedsPayloads && !await api.Policies.MaySeePayloadsAsync(context).ConfigureAwait(false))
        {
            return ApiProblems.Refused(api.Policies.Payload is null ? "The answer has payloads, which are hidden: PayloadPolicy is not set." : "The policy for payloads refuses this user.");
        }

        return null;
    }
}
