using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Latchwork.Security;

/// <summary>The policies of a part: names of authorization policies of the application.</summary>
/// <param name="Read">Who may read; null: whoever passes the authorization of the group.</param>
/// <param name="Change">Who may change; null: nobody.</param>
/// <param name="Payload">Who may see payloads; null: nobody, except in Development.</param>
internal sealed record AccessPolicies(string? Read, string? Change, string? Payload)
{
    /// <summary>Whether the user of a request may read.</summary>
    public Task<bool> MayReadAsync(HttpContext context) => Read is null ? Task.FromResult(true) : PassesAsync(context, Read);

    /// <summary>Whether the user of a request may change.</summary>
    public Task<bool> MayChangeAsync(HttpContext context) => Change is null ? Task.FromResult(false) : PassesAsync(context, Change);

    /// <summary>Whether the user of a request may see payloads, results and errors.</summary>
    public Task<bool> MaySeePayloadsAsync(HttpContext context) => Payload is null
        ? Task.FromResult(context.RequestServices.GetRequiredService<IHostEnvironment>().IsDevelopment())
        : PassesAsync(context, Payload);

    /// <summary>Finds each policy, so that a name that is none keeps the host from starting.</summary>
    /// <param name="services">The services of the application.</param>
    /// <param name="part">What messages call the part.</param>
    /// <exception cref="InvalidOperationException">A policy is not registered.</exception>
    public async Task CheckAsync(IServiceProvider services, string part)
    {
        foreach ((string setting, string? name) in new[] { ("ReadPolicy", Read), ("ChangePolicy", Change), ("PayloadPolicy", Payload) })
        {
            if (name is null) continue;
            IAuthorizationPolicyProvider? provider = services.GetService<IAuthorizationPolicyProvider>();
            if (provider is null || await provider.GetPolicyAsync(name).ConfigureAwait(false) is null)
            {
                throw new InvalidOperationException($"{setting} of {part} names the authorization policy '{name}', which is not registered: add it with AddAuthorization(…).");
            }
        }
    }

    private static async Task<bool> PassesAsync(HttpContext context, string name)
    {
        IServiceProvider services = context.RequestServices;
        AuthorizationPolicy policy = await services.GetRequiredService<IAuthorizationPolicyProvider>().GetPolicyAsync(name).ConfigureAwait(false)
            ?? throw new InvalidOperationException($"The authorization policy '{name}' is not registered.");
        IPolicyEvaluator evaluator = services.GetRequiredService<IPolicyEvaluator>();
        // A policy may name schemes of its own, so the user is authenticated as the middleware would do it; for this question alone.
        ClaimsPrincipal before = context.User;
        try
        {
            AuthenticateResult user = await evaluator.AuthenticateAsync(policy, context).ConfigureAwait(false);
            PolicyAuthorizationResult result = await evaluator.AuthorizeAsync(policy, user, context, context.GetEndpoint()).ConfigureAwait(false);
            return result.Succeeded;
        }
        finally
        {
            context.User = before;
        }
    }
}
