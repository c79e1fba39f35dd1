using System.Text;
using Latchwork.Dashboard.Pages;
using Latchwork.Monitoring;
using Microsoft.AspNetCore.Http;

namespace Latchwork.Dashboard;

/// <content>Streams of server-sent events, which keep pages up to date.</content>
internal sealed partial class DashboardEndpoints
{
    /// <summary>How often a stream says that it lives, so that no proxy closes it, and asks whether its user may still look.</summary>
    private static readonly TimeSpan _heartbeat = TimeSpan.FromSeconds(15);

    /// <summary>After what time a browser opens its stream anew: only a new request is authenticated by all that the application has for it.</summary>
    private static readonly TimeSpan _maxStreamAge = TimeSpan.FromMinutes(5);

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
        long start = runtime.Time.GetTimestamp();
        try
        {
            using var heartbeat = new PeriodicTimer(_heartbeat, runtime.Time);
            Task<bool> beat = heartbeat.WaitForNextTickAsync(ended.Token).AsTask();
            Task<bool> news = stream.Fragments.WaitToReadAsync(ended.Token).AsTask();
            while (true)
            {
                await Task.WhenAny(beat, news).ConfigureAwait(false);
                if (beat.IsCompleted)
                {
                    await beat.ConfigureAwait(false);
                    bool isOld = runtime.Time.GetElapsedTime(start) >= _maxStreamAge;
                    if (!isOld && !await runtime.Policies.MayStillReadAsync(context, runtime.Time.GetUtcNow()).ConfigureAwait(false)) return;
                    // An event without data is none to a browser.
                    await SendAsync(context, isOld ? "event: reopen\ndata: now\n\n" : ": still here\n\n", ended.Token).ConfigureAwait(false);
                    if (isOld) return;
                    beat = heartbeat.WaitForNextTickAsync(ended.Token).AsTask();
                }

                if (!news.IsCompleted) continue;
                if (!await news.ConfigureAwait(false)) return; // it could not be rendered: the browser opens another
                while (stream.Fragments.TryRead(out string? fragment)) await SendAsync(context, MessageOf(fragment), ended.Token).ConfigureAwait(false);
                news = stream.Fragments.WaitToReadAsync(ended.Token).AsTask();
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // The browser went away, or the host stops.
        }
    }

    private static async Task SendAsync(HttpContext context, string message, CancellationToken cancellationToken)
    {
        await context.Response.WriteAsync(message, cancellationToken).ConfigureAwait(false);
        await context.Response.Body.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private static string MessageOf(string fragment)
    {
        var message = new StringBuilder(fragment.Length + 256);
        foreach (string line in fragment.ReplaceLineEndings("\n").Split('\n')) message.Append("data: ").Append(line).Append('\n');
        return message.Append('\n').ToString();
    }
}
