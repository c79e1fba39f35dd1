using Latchwork;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;

namespace Shop;

/// <summary>Answers 503 with Retry-After when the store is down. Anything else, such as a wrong password, stays an error of the server.</summary>
public sealed class StoreDown : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is not LatchworkStoreException { IsTransient: true } failure) return false;

        httpContext.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        httpContext.Response.Headers.RetryAfter = "5";
        await httpContext.Response.WriteAsJsonAsync(new ProblemDetails
        {
            Status = StatusCodes.Status503ServiceUnavailable,
            Title = "The store of timers and locks does not answer.",
            Detail = failure.Outcome == StoreOutcome.NotApplied ? "Nothing was changed." : "It may have been done. The same request again does no harm.",
        }, cancellationToken);
        return true;
    }
}
