using System.Globalization;
using Latchwork.Dashboard.Pages;
using Latchwork.Monitoring;
using Latchwork.Security;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Latchwork.Dashboard;

/// <summary>
/// The addresses of the dashboard. All links and redirects are relative, so that it works under any path base and behind any proxy; text of
/// users is only ever in query parameters and form fields.
/// </summary>
internal sealed partial class DashboardEndpoints(DashboardRuntime runtime)
{
    public static readonly GuardedPart Part = new(
        "The dashboard",
        "MapLatchworkDashboard",
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");

    private const string NothingChanged = "Nothing was changed.", NotKnown = "Whether anything was changed is not known.";

    public void MapTo(RouteGroupBuilder group)
    {
        Get("/", OverviewAsync);
        Get("/namespace", NamespaceAsync);
        Get("/event", EventAsync);
        Get("/schedules", SchedulesAsync);
        Get("/locks", LocksAsync);
        Get("/nodes", NodesAsync);
        Get("/post", PostFormAsync);
        Get("/confirm", ConfirmAsync);
        Get("/live", LiveAsync);
        group.MapPost("/confirm", context => GuardAsync(context, ConfirmPostedAsync)).ExcludeFromDescription();
        group.MapPost("/do", context => GuardAsync(context, DoAsync, changes: true)).ExcludeFromDescription();
        foreach (DashboardAsset asset in DashboardAsset.All) Get("/" + asset.Name, asset.WriteAsync);

        void Get(string path, Func<HttpContext, Task> answer) => group.MapGet(path, context => GuardAsync(context, answer)).ExcludeFromDescription();
    }

    private async Task GuardAsync(HttpContext context, Func<HttpContext, Task> answer, bool changes = false)
    {
        PolicyAuthorizationResult read = await runtime.Policies.AskToReadAsync(context).ConfigureAwait(false);
        if (!read.Succeeded)
        {
            if (read.Challenged && await runtime.Policies.TryChallengeAsync(context).ConfigureAwait(false)) return;
            // With nothing about the store.
            await WriteAsync<Message>(
                context, new View("You may not see this dashboard: its ReadPolicy does not admit you.") { Title = "Not allowed", IsAdmitted = false }, StatusCodes.Status403Forbidden).ConfigureAwait(false);
            return;
        }

        try
        {
            await answer(context).ConfigureAwait(false);
        }
        catch (ArgumentException e)
        {
            await MessageAsync(context, StatusCodes.Status400BadRequest, "Bad input", ArgumentFailures.MessageOf(e)).ConfigureAwait(false);
        }
        catch (PartlyDoneException e)
        {
            await MessageAsync(context, StatusCodes.Status503ServiceUnavailable, "Partly done", e.Message).ConfigureAwait(false);
        }
        catch (ObjectDisposedException)
        {
            await MessageAsync(context, StatusCodes.Status503ServiceUnavailable, "Stopping", changes ? $"The application is about to stop. {NotKnown}" : "The application is about to stop.").ConfigureAwait(false);
        }
        catch (LatchworkStoreException e)
        {
            // Of a look it goes without saying, and many messages say it themselves.
            string? outcome = e.Outcome switch { StoreOutcome.NotApplied => NothingChanged, StoreOutcome.Unknown => NotKnown, _ => null };
            string text = !changes || outcome is null || e.Message.EndsWith(outcome, StringComparison.Ordinal) ? e.Message : $"{e.Message} {outcome}";
            await MessageAsync(context, StatusCodes.Status503ServiceUnavailable, "The store does not answer", text).ConfigureAwait(false);
        }
    }

    private async Task OverviewAsync(HttpContext context)
    {
        // Links are relative to the folder.
        if (context.Request.PathBase.Add(context.Request.Path).Value is { } path && !path.EndsWith('/'))
        {
            // Encoded, as it came; and a name with a colon is no scheme.
            context.Response.Redirect("." + new PathString(path[path.LastIndexOf('/')..]).ToUriComponent() + "/" + context.Request.QueryString);
            return;
        }

        OverviewQuery query = QueryOf(context);
        OverviewPage page = await runtime.Monitor.GetOverviewAsync(query, context.RequestAborted).ConfigureAwait(false);
        await PageAsync<Overview>(context, new View(new OverviewModel(page, query)) { Title = "Overview", Nav = "overview", Live = LiveQuery("overview", null, query) }).ConfigureAwait(false);
    }

    private async Task NodesAsync(HttpContext context)
    {
        NodesPage page = await runtime.Monitor.GetNodesAsync(context.RequestAborted).ConfigureAwait(false);
        await PageAsync<Nodes>(context, new View(page) { Title = "Nodes", Nav = "nodes", Live = "view=nodes" }).ConfigureAwait(false);
    }

    private async Task PageAsync<TPage>(HttpContext context, View view, int status = StatusCodes.Status200OK)
        where TPage : Microsoft.AspNetCore.Components.IComponent
    {
        bool canChange = await runtime.Policies.MayChangeAsync(context).ConfigureAwait(false);
        (string Field, string Token) token = default;
        if (canChange)
        {
            AntiforgeryTokenSet tokens = context.RequestServices.GetRequiredService<IAntiforgery>().GetAndStoreTokens(context);
            token = (tokens.FormFieldName, tokens.RequestToken!);
        }

        await WriteAsync<TPage>(context, view with
        {
            Store = runtime.Store.Description,
            CanChange = canChange,
            CanSeePayloads = await runtime.Policies.MaySeePayloadsAsync(context).ConfigureAwait(false),
            SignOut = runtime.Options.SignOut?.Invoke(context),
            Antiforgery = token,
            Notice = DashboardActions.Notice(Text(context, "done"), Text(context, "of"), Text(context, "action")),
        }, status).ConfigureAwait(false);
    }

    private async Task WriteAsync<TPage>(HttpContext context, View view, int status)
        where TPage : Microsoft.AspNetCore.Components.IComponent
    {
        string html = await runtime.Renderer.PageAsync<TPage>(view).ConfigureAwait(false);
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/html; charset=utf-8";
        await context.Response.WriteAsync(html, context.RequestAborted).ConfigureAwait(false);
    }

    private Task MessageAsync(HttpContext context, int status, string title, string text) =>
        PageAsync<Message>(context, new View(text) { Title = title }, status);

    private static OverviewQuery QueryOf(HttpContext context)
    {
        string? search = Text(context, "search");
        if (search is not null) Limits.CheckText(search, 0, Limits.MaxIdBytes, "search");
        string page = Text(context, "page") ?? "1";
        return int.TryParse(page, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0
            ? new OverviewQuery(search, number)
            : throw new ArgumentException($"'page' must be a number from 1; it is '{page}'.");
    }

    private static string LiveQuery(string view, string? ns, OverviewQuery? query) =>
        $"view={view}{(ns is null ? "" : "&ns=" + Show.Encode(ns))}{(query is null ? "" : $"&page={query.Page}&search={Show.Encode(query.Search ?? "")}")}";

    private static string? Text(HttpContext context, string name) => context.Request.Query[name] is [{ Length: > 0 } text, ..] ? text : null;

    private static string CheckName(string? text, string argument)
    {
        Limits.CheckId(text ?? "", argument);
        return text!;
    }
}
