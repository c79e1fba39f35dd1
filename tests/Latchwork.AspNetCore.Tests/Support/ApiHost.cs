using System.Net.Http.Json;
using System.Text.Json;
using Latchwork.StoreConformance.Engine;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shouldly;

namespace Latchwork.AspNetCore.Tests.Support;

/// <summary>The API on a server of its own, over a store in memory whose operations can be made to fail.</summary>
internal sealed class ApiHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly WebApplication? _proxy;
    private readonly Counter _aborted;

    private ApiHost(WebApplication app, WebApplication? proxy, FaultyStore store, Counter aborted)
    {
        _aborted = aborted;
        _app = app;
        _proxy = proxy;
        Store = store;
        Address = AddressOf(proxy ?? app);
        Client = new HttpClient { BaseAddress = new Uri(Address + "/latchwork/api/") };
    }

    public string Address { get; }

    public HttpClient Client { get; }

    /// <summary>How many requests the server found closed.</summary>
    public int Aborted => _aborted.Value;

    public FaultyStore Store { get; }

    public static async Task<ApiHost> StartAsync(string environment = "Development", Action<HttpApiOptions>? configure = null, Action<WebApplication>? map = null, bool throughProxy = false)
    {
        FaultyStore store = new(new InMemoryStore());
        WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = environment });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddAuthorization(options => options
            .AddPolicy("anybody", policy => policy.RequireAssertion(_ => true)));
        builder.Services.AddAuthorization(options => options.AddPolicy("nobody", policy => policy.RequireAssertion(_ => false)));
        builder.Services.AddOpenApi();
        builder.Services.AddLatchwork().UseStore(store).AddHttpApi(configure ?? (options => options.ChangePolicy = "anybody"));
        WebApplication app = builder.Build();
        Counter aborted = new();
        app.Use((context, next) =>
        {
            context.RequestAborted.Register(aborted.Increment);
            return next(context);
        });
        if (map is null) app.MapLatchworkApi("/latchwork/api");
        else map(app);
        if (environment == "Development") app.MapOpenApi();
        await app.StartAsync();
        return new ApiHost(app, throughProxy ? await StartProxyAsync(AddressOf(app)) : null, store, aborted);
    }

    public async Task<(int Status, JsonElement Body)> PostAsync(string path, object body)
    {
        using HttpResponseMessage answer = await Client.PostAsJsonAsync(path, body);
        return await ReadAsync(answer);
    }

    public async Task<(int Status, JsonElement Body)> GetAsync(string path, params (string Name, string Value)[] query)
    {
        string text = string.Join('&', query.Select(one => $"{one.Name}={Uri.EscapeDataString(one.Value)}"));
        using HttpResponseMessage answer = await Client.GetAsync(text.Length == 0 ? path : $"{path}?{text}");
        return await ReadAsync(answer);
    }

    /// <summary>Posts and expects success.</summary>
    public async Task<JsonElement> DoAsync(string path, object body)
    {
        (int status, JsonElement answer) = await PostAsync(path, body);
        status.ShouldBeInRange(200, 299, answer.ToString());
        return answer;
    }

    public static async Task<(int Status, JsonElement Body)> ReadAsync(HttpResponseMessage answer)
    {
        string text = await answer.Content.ReadAsStringAsync();
        if (!answer.IsSuccessStatusCode) answer.Content.Headers.ContentType?.MediaType.ShouldBe("application/problem+json", text);
        return ((int)answer.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
    }

    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (_proxy is not null) await _proxy.DisposeAsync();
        await _app.DisposeAsync();
        await Store.DisposeAsync();
    }

    private static string AddressOf(WebApplication app) => app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    // Passes on what reverse proxies pass on: the path as it understood it, the query, the body and its type.
    private static async Task<WebApplication> StartProxyAsync(string target)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication proxy = builder.Build();
        HttpClient client = new();
        proxy.Run(async context =>
        {
            using HttpRequestMessage request = new(new HttpMethod(context.Request.Method), target + context.Request.Path.ToUriComponent() + context.Request.QueryString);
            if (context.Request.ContentType is { } type)
            {
                request.Content = new StreamContent(context.Request.Body);
                request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
            }

            request.Headers.TryAddWithoutValidation("X-Forwarded-For", context.Connection.RemoteIpAddress!.ToString());
            using HttpResponseMessage answer = await client.SendAsync(request, context.RequestAborted);
            context.Response.StatusCode = (int)answer.StatusCode;
            context.Response.ContentType = answer.Content.Headers.ContentType?.ToString();
            await answer.Content.CopyToAsync(context.Response.Body);
        });
        await proxy.StartAsync();
        return proxy;
    }

    private sealed class Counter
    {
        private int _value;

        public int Value => Volatile.Read(ref _value);

        public void Increment() => Interlocked.Increment(ref _value);
    }
}
