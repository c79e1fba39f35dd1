using Latchwork.Dashboard.Pages;
using Latchwork.Security;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Latchwork.Dashboard;

/// <content>Changes: a page that confirms each, then a post with an antiforgery token, then a redirect.</content>
internal sealed partial class DashboardEndpoints
{
    /// <summary>The most dead letters that are counted for a page that confirms an action on all of a filter.</summary>
    private const int MaxFiltered = 1000;

    private static readonly FormOptions _formLimits = new()
    {
        ValueCountLimit = ActionRequest.MaxIds + 20,
        // Each byte of a payload or id may be written as three.
        ValueLengthLimit = 3 * Limits.DefaultMaxPayloadBytes,
        BufferBodyLengthLimit = 4 * Limits.DefaultMaxPayloadBytes,
    };

    private async Task ConfirmAsync(HttpContext context)
    {
        if (await RefuseChangeAsync(context).ConfigureAwait(false)) return;
        await ShowConfirmationAsync(context, ActionRequest.Read(name => context.Request.Query[name], ReasonOf)).ConfigureAwait(false);
    }

    private async Task ConfirmPostedAsync(HttpContext context)
    {
        if (await ReadFormAsync(context).ConfigureAwait(false) is { } request) await ShowConfirmationAsync(context, request).ConfigureAwait(false);
    }

    private async Task DoAsync(HttpContext context)
    {
        if (await ReadFormAsync(context).ConfigureAwait(false) is not { } request) return;
        DashboardAction action = DashboardActions.Find(request);
        string user = UserOf(context);
        (long count, _) = await CountAsync(action, request, context.RequestAborted).ConfigureAwait(false);
        long done;
        try
        {
            // A browser that goes away does not leave it half done.
            done = await action.RunAsync(runtime, request, user, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is LatchworkStoreException or PartlyDoneException)
        {
            DashboardLog.ChangeFailed(runtime.Log, e, user, action.Name, request.Namespace, e is PartlyDoneException partly ? partly.Done : 0);
            throw;
        }

        count = action.Target == ActionTarget.AllDeadLetters ? done : count;
        DashboardLog.Changed(runtime.Log, user, action.Name, request.Namespace, done, count);
        if (runtime.Log.IsEnabled(LogLevel.Debug)) DashboardLog.ChangedNames(runtime.Log, action.Name, string.Join(", ", request.Ids));
        await runtime.Monitor.ForgetAgeAsync(request.Namespace, context.RequestAborted).ConfigureAwait(false);
        string about = action.Target == ActionTarget.Key ? $"&key={Show.Encode(request.Ids[0])}" : action.Back == "event" ? $"&id={Show.Encode(request.Ids[0])}" : "";
        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        context.Response.Headers.Location = $"{action.Back}?ns={Show.Encode(request.Namespace)}{about}&action={action.Name}&done={done}&of={count}";
    }

    private async Task ShowConfirmationAsync(HttpContext context, ActionRequest request)
    {
        DashboardAction action = DashboardActions.Find(request);
        (long count, bool isMore) = await CountAsync(action, request, context.RequestAborted).ConfigureAwait(false);
        await PageAsync<Confirm>(context, new View(new ConfirmModel(action, request, count, isMore))
        {
            Title = action.Title,
            Nav = action.Back,
            Namespace = action.Target == ActionTarget.Key ? null : request.Namespace,
        }).ConfigureAwait(false);
    }

    private async Task<(long Count, bool IsMore)> CountAsync(DashboardAction action, ActionRequest request, CancellationToken stop)
    {
        if (action.Target != ActionTarget.AllDeadLetters) return (Math.Max(1, request.Ids.Count), false);
        DistributedTimer timer = runtime.OpenTimer(request.Namespace);
        await using (timer.ConfigureAwait(false))
        {
            if (request.Reason is null) return ((await timer.GetStatsAsync(stop).ConfigureAwait(false)).DeadLetters, false);
            List<TimerSnapshot> found = await TakeAsync(timer.DeadLetters.ListAsync(request.Reason, cancellationToken: stop), MaxFiltered + 1).ConfigureAwait(false);
            return (Math.Min(found.Count, MaxFiltered), found.Count > MaxFiltered);
        }
    }

    private async Task<ActionRequest?> ReadFormAsync(HttpContext context)
    {
        if (await RefuseChangeAsync(context).ConfigureAwait(false)) return null;
        if (!context.Request.HasFormContentType)
        {
            await MessageAsync(context, StatusCodes.Status415UnsupportedMediaType, "Not a form", "A change is sent as a form.").ConfigureAwait(false);
            return null;
        }

        // Before the token, which may be stolen: browsers say where a request comes from.
        if (context.Request.Headers["Sec-Fetch-Site"] is [{ } site, ..] && site is not ("same-origin" or "none"))
        {
            await MessageAsync(context, StatusCodes.Status403Forbidden, "Refused", "The form comes from another site.").ConfigureAwait(false);
            return null;
        }

        IFormCollection form;
        try
        {
            form = await context.Request.ReadFormAsync(_formLimits, context.RequestAborted).ConfigureAwait(false);
            await context.RequestServices.GetRequiredService<IAntiforgery>().ValidateRequestAsync(context).ConfigureAwait(false);
        }
        catch (AntiforgeryValidationException)
        {
            await MessageAsync(context, StatusCodes.Status400BadRequest, "Refused", "The form is too old, or was not made by this dashboard. Go back, reload the page and try again.").ConfigureAwait(false);
            return null;
        }
        catch (Exception e) when (e is InvalidDataException or BadHttpRequestException)
        {
            await MessageAsync(context, StatusCodes.Status413PayloadTooLarge, "Too large", "The form is larger than what is accepted.").ConfigureAwait(false);
            return null;
        }

        ActionRequest request = ActionRequest.Read(name => form[name], ReasonOf);
        Limits.CheckPayload(System.Text.Encoding.UTF8.GetByteCount(request.Payload), Limits.DefaultMaxPayloadBytes, "payload");
        return request;
    }

    private async Task<bool> RefuseChangeAsync(HttpContext context)
    {
        if (await runtime.Policies.MayChangeAsync(context).ConfigureAwait(false)) return false;
        await MessageAsync(context, StatusCodes.Status403Forbidden, "Read-only", "You may look, but not change anything: the dashboard has no ChangePolicy, or it does not admit you.").ConfigureAwait(false);
        return true;
    }

    private static string UserOf(HttpContext context) => RequestUser.NameOf(RequestUser.Of(context)) ?? "anonymous";
}
