using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Latchwork.Api;

/// <summary>Maps endpoints with what the filter and the description of the API need to know of them.</summary>
internal static class ApiRoutes
{
    /// <summary>Maps an endpoint that changes something: a POST of JSON.</summary>
    public static RouteHandlerBuilder MapChange<TBody, TAnswer>(this RouteGroupBuilder group, HttpApi api, string pattern, string summary, Func<TBody, HttpContext, Task<IResult>> answer, bool needsPayloads = false)
        where TBody : notnull => group
            .MapPost(pattern, (Delegate)(async (HttpContext context) => await answer(await ApiJson.ReadAsync<TBody>(context, api.MaxPayloadBytes).ConfigureAwait(false), context).ConfigureAwait(false)))
            .Accepts<TBody>("application/json")
            .Describe<TAnswer>(summary, new ApiAccess(Changes: true, needsPayloads))
            .ProducesProblem(StatusCodes.Status409Conflict);

    public static RouteHandlerBuilder Describe<TAnswer>(this RouteHandlerBuilder endpoint, string summary, ApiAccess access) => endpoint
        .WithMetadata(access)
        .WithSummary(summary)
        .Produces<TAnswer>()
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status403Forbidden)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
}
