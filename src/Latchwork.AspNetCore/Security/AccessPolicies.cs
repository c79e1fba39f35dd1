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
    public async Task<bool> MayReadAsync(HttpContext context) => (await AskToReadAsync(context).ConfigureAwait(false)).Succeeded;

    /// <summary>Whether the user of a request may read, and if not, whether that is because it has not said who it is.</summary>
    public Task<PolicyAuthorizationResult> AskToReadAsync(HttpContext context) =>
        Read is null ? Task.FromResult(PolicyAuthorizationResult.Success()) : AskAsync(context, Read);

    /// <summary>Asks the client of a request to say who it is, by the schemes of the policy for reading or else by the application's default.</summary>
    /// <returns>False if nothing says how.</returns>
    public async Task<bool> TryChallengeAsync(HttpContext context)
    {
        IServiceProvider services = context.RequestServices;
        if (services.GetService<IAuthenticationService>() is null || services.GetService<IAuthenticationSchemeProvider>() is not { } schemes) return false;
        AuthorizationPolicy? policy = Read is null ? null : await FindAsync(services, Read).ConfigureAwait(false);
        if (policy is { AuthenticationSchemes: { Count: > 0 } named })
        {
            foreach (string scheme in named) await context.ChallengeAsync(scheme).ConfigureAwait(false);
            return true;
        }

        if (await schemes.GetDefaultChallengeSchemeAsync().ConfigureAwait(false) is null) return false;
        await context.ChallengeAsync().ConfigureAwait(false);
        return true;
    }

    /// <summary>
    /// Whether whoever began to read a while ago may still: the authentication has not expired, and what the endpoint demands and the policy for reading
    /// are met. Who the user is, is not asked again: only a new request does.
    /// </summary>
    public async Task<bool> MayStillReadAsync(HttpContext context, DateTimeOffset now)
    {
        if (context.Features.Get<IAuthenticateResultFeature>()?.AuthenticateResult?.Properties?.ExpiresUtc <= now) return false;
        return await EndpointAdmitsAsync(context).ConfigureAwait(false) && await MayReadAsync(context).ConfigureAwait(false);
    }

    /// <summary>Whether the user of a request may change. If so, <see cref="RequestUser"/> knows it from now on.</summary>
    public Task<bool> MayChangeAsync(HttpContext context) => Change is null ? Task.FromResult(false) : MayChangeAsync(context, Change);

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
            if (await FindAsync(services, name).ConfigureAwait(false) is null)
            {
                throw new InvalidOperationException($"{setting} of {part} names the authorization policy '{name}', which is not registered: add it with AddAuthorization(…).");
            }
        }
    }

    // As the middleware for authorization does it.
    private static async Task<bool> EndpointAdmitsAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata is not { } metadata || metadata.GetMetadata<IAllowAnonymous>() is not null) return true;
        if (context.RequestServices.GetService<IAuthorizationPolicyProvider>() is not { } provider) return true;
        AuthorizationPolicy? policy = await AuthorizationPolicy.CombineAsync(
            provider, metadata.GetOrderedMetadata<IAuthorizeData>(), metadata.GetOrderedMetadata<AuthorizationPolicy>()).ConfigureAwait(false);
        IAuthorizationRequirement[] more = [.. metadata.GetOrderedMetadata<IAuthorizationRequirementData>().SelectMany(static data => data.GetRequirements())];
        if (more.Length > 0)
        {
            AuthorizationPolicy required = new AuthorizationPolicyBuilder().AddRequirements(more).Build();
            policy = policy is null ? required : AuthorizationPolicy.Combine(policy, required);
        }

        return policy is null || (await AskAsync(context, policy).ConfigureAwait(false)).Succeeded;
    }

    private static async Task<bool> MayChangeAsync(HttpContext context, string name)
    {
        PolicyAuthorizationResult result = await AskAsync(context, await GetAsync(context, name).ConfigureAwait(false), user => RequestUser.Admit(context, user)).ConfigureAwait(false);
        return result.Succeeded;
    }

    private static async Task<bool> PassesAsync(HttpContext context, string name) => (await AskAsync(context, name).ConfigureAwait(false)).Succeeded;

    private static async Task<PolicyAuthorizationResult> AskAsync(HttpContext context, string name) => await AskAsync(context, await GetAsync(context, name).ConfigureAwait(false)).ConfigureAwait(false);

    private static async Task<PolicyAuthorizationResult> AskAsync(HttpContext context, AuthorizationPolicy policy, Action<ClaimsPrincipal>? onAdmitted = null)
    {
        IPolicyEvaluator evaluator = context.RequestServices.GetRequiredService<IPolicyEvaluator>();
        // A policy may name schemes of its own, so the user is authenticated as the middleware would do it; for this question alone.
        ClaimsPrincipal before = context.User;
        try
        {
            AuthenticateResult user = await evaluator.AuthenticateAsync(policy, context).ConfigureAwait(false);
            PolicyAuthorizationResult result = await evaluator.AuthorizeAsync(policy, user, context, context.GetEndpoint()).ConfigureAwait(false);
            if (result.Succeeded) onAdmitted?.Invoke(context.User);
            return result;
        }
        finally
        {
            context.User = before;
        }
    }

    private static async Task<AuthorizationPolicy> GetAsync(HttpContext context, string name) =>
        await FindAsync(context.RequestServices, name).ConfigureAwait(false) ?? throw new InvalidOperationException($"The authorization policy '{name}' is not registered.");

    private static async Task<AuthorizationPolicy?> FindAsync(IServiceProvider services, string name) =>
        services.GetService<IAuthorizationPolicyProvider>() is { } provider ? await provider.GetPolicyAsync(name).ConfigureAwait(false) : null;
}
