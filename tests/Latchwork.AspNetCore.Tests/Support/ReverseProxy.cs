using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Latchwork.AspNetCore.Tests.Support;

/// <summary>A server that passes on what reverse proxies pass on: the path as it understood it, without a prefix, the query, the headers and the body; and the answer as it comes.</summary>
internal sealed class ReverseProxy : IAsyncDisposable
{
    // What is between two neighbours, and what the client and the server set themselves.
    private static readonly string[] _own = ["Connection", "Keep-Alive", "Transfer-Encoding", "Host", "Date", "Content-Length"];

    private readonly WebApplication _app;
    private readonly HttpClient _client = new(new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false });

    private ReverseProxy(WebApplication app) => _app = app;

    public string Address => AddressOf(_app);

    /// <summary>Starts it.</summary>
    /// <param name="target">Where it passes requests on to.</param>
    /// <param name="prefix">The prefix of the paths that it passes on, and cuts.</param>
    /// <param name="saysPrefix">Whether it tells the target the prefix that it cut.</param>
    /// <param name="answers">Says whether it has answered a request by itself.</param>
    public static async Task<ReverseProxy> StartAsync(string target, string prefix = "", bool saysPrefix = false, Func<HttpContext, Task<bool>>? answers = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        ReverseProxy proxy = new(builder.Build());
        proxy._app.Run(async context =>
        {
            if (!context.Request.Path.StartsWithSegments(prefix, out PathString path))
            {
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return;
            }

            if (answers is not null && await answers(context)) return;
            await proxy.PassOnAsync(context, target.TrimEnd('/') + path.ToUriComponent() + context.Request.QueryString, saysPrefix ? prefix : null);
        });
        await proxy._app.StartAsync();
        return proxy;
    }

    public static string AddressOf(WebApplication app) => app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _client.Dispose();
    }

    private async Task PassOnAsync(HttpContext context, string address, string? prefix)
    {
        using HttpRequestMessage request = new(new HttpMethod(context.Request.Method), address);
        if (context.Request.ContentType is not null) request.Content = new StreamContent(context.Request.Body);
        foreach ((string name, Microsoft.Extensions.Primitives.StringValues values) in context.Request.Headers.Where(header => !_own.Contains(header.Key, StringComparer.OrdinalIgnoreCase)))
        {
            if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values)) request.Content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values);
        }

        request.Headers.TryAddWithoutValidation("X-Forwarded-For", context.Connection.RemoteIpAddress!.ToString());
        if (prefix is not null) request.Headers.TryAddWithoutValidation("X-Forwarded-Prefix", prefix);
        try
        {
            using HttpResponseMessage answer = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
            context.Response.StatusCode = (int)answer.StatusCode;
            foreach ((string name, IEnumerable<string> values) in answer.Headers.Concat(answer.Content.Headers).Where(header => !_own.Contains(header.Key, StringComparer.OrdinalIgnoreCase)))
            {
                context.Response.Headers.Append(name, values.ToArray());
            }

            await CopyAsync(await answer.Content.ReadAsStreamAsync(context.RequestAborted), context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client went away, and with it the request to the target.
        }
    }

    // A stream of events is passed on as it comes.
    private static async Task CopyAsync(Stream body, HttpContext context)
    {
        byte[] buffer = new byte[16 << 10];
        int read;
        while ((read = await body.ReadAsync(buffer, context.RequestAborted)) > 0)
        {
            await context.Response.Body.WriteAsync(buffer.AsMemory(0, read), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }
}
