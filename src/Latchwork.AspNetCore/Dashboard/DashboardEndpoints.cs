using System.Globalization;
using System.Text;
using Latchwork.Dashboard.Pages;
using Latchwork.Monitoring;
using Latchwork.Security;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
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
        group.MapPost("/do", context => GuardAsync(context, DoAsync)).ExcludeFromDescription();
        foreach (DashboardAsset asset in DashboardAsset.All) Get("/" + asset.Name, asset.WriteAsync);

        void Get(string path, Func<HttpContext, Task> answer) => group.MapGet(path, context => GuardAsync(context, answer)).ExcludeFromDescription();
    }

    private async Task GuardAsync(HttpContext context, Func<HttpContext, Task> answer)
    {
        if (!await runtime.Policies.MayReadAsync(context).ConfigureAwait(false))
        {
            bool isKnown = context.User.Identity?.IsAuthenticated == true;
            if (!isKnown && context.RequestServices.GetService<IAuthenticationService>() is not null) await context.ChallengeAsync().ConfigureAwait(false);
            else await MessageAsync(context, StatusCodes.Status403Forbidden, "Not allowed", "You may not see this dashboard: its ReadPolicy does not admit you.").ConfigureAwait(false);
            return;
        }

        try
        {
            await answer(context).ConfigureAwait(false);
        }
        catch (ArgumentException e)
        {
            await MessageAsync(context, StatusCodes.Status400BadRequest, "Bad input", e.Message).ConfigureAwait(false);
        }
        catch (LatchworkStoreException e)
        {
            string outcome = e.Outcome == StoreOutcome.NotApplied ? "Nothing was changed." : "Whether anything was changed is not known.";
            await MessageAsync(context, StatusCodes.Status503ServiceUnavailable, "The store does not answer", $"{e.Message} {outcome}").ConfigureAwait(false);
        }
    }

    private async Task OverviewAsync(HttpContext context)
    {
        // Links are relative to the folder.
        if (context.Request.Path.Value is { } path && !path.EndsWith('/'))
        {
            context.Response.Redirect(path[(path.LastIndexOf('/') + 1)..] + "/" + context.Request.QueryString);
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

    private async Task LiveAsync(HttpContext context)
    {
        string view = Text(context, "view") ?? "";
        string ns = Text(context, "ns") ?? "";
        OverviewQuery query = QueryOf(context);
        Func<CancellationToken, Task<string>> render;
        switch (view)
        {
            case "overview":
                render = async stop => await runtime.Renderer.FragmentAsync<OverviewFragment>(
                    new View(new OverviewModel(await runtime.Monitor.GetOverviewAsync(query, stop).ConfigureAwait(false), query))).ConfigureAwait(false);
                break;
            case "namespace":
                CheckName(ns, "ns");
                render = async stop => await runtime.Renderer.FragmentAsync<NamespaceFragment>(
                    new View(await runtime.Monitor.GetNamespaceAsync(ns, stop).ConfigureAwait(false)) { Namespace = ns }).ConfigureAwait(false);
                break;
            case "nodes":
                render = async stop => await runtime.Renderer.FragmentAsync<NodesFragment>(
                    new View(await runtime.Monitor.GetNodesAsync(stop).ConfigureAwait(false))).ConfigureAwait(false);
                break;
            default:
                throw new ArgumentException($"'view' must be 'overview', 'namespace' or 'nodes'; it is '{view}'.");
        }

        string key = LiveQuery(view, view == "namespace" ? ns : null, view == "overview" ? query : null);
        using FragmentFeeds.Subscription? stream = runtime.Feeds.TryOpen(key, render);
        if (stream is null)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            context.Response.Headers.RetryAfter = "30";
            await context.Response.WriteAsync($"There are {runtime.Options.MaxStreams} streams already (DashboardOptions.MaxStreams).", context.RequestAborted).ConfigureAwait(false);
            return;
        }

        await StreamAsync(context, stream).ConfigureAwait(false);
    }

    private async Task StreamAsync(HttpContext context, FragmentFeeds.Subscription stream)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers["X-Accel-Buffering"] = "no";
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, runtime.Feeds.Closed);
        try
        {
            await foreach (string fragment in stream.Fragments.ReadAllAsync(ended.Token).ConfigureAwait(false))
            {
                var message = new StringBuilder(fragment.Length + 256);
                foreach (string line in fragment.ReplaceLineEndings("\n").Split('\n')) message.Append("data: ").Append(line).Append('\n');
                await context.Response.WriteAsync(message.Append('\n').ToString(), ended.Token).ConfigureAwait(false);
                await context.Response.Body.FlushAsync(ended.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // The browser went away, or the host stops.
        }
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

        string html = await runtime.Renderer.PageAsync<TPage>(view with
        {
            Store = runtime.Store.Description,
            CanChange = canChange,
            CanSeePayloads = await runtime.Policies.MaySeePayloadsAsync(context).ConfigureAwait(false),
            Antiforgery = token,
            Notice = DashboardActions.Notice(Text(context, "done"), Text(context, "of"), Text(context, "action")),
        }).ConfigureAwait(false);
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
