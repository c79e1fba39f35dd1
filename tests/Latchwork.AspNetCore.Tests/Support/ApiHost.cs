using System.Net.Http.Json;
using System.Text.Json;
using Latchwork.Api;
using Latchwork.AspNetCore.Tests.Security;
using Latchwork.StoreConformance.Engine;
using Latchwork.StoreConformance.Support;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shouldly;
using Xunit;

[assembly: TestCollectionOrderer(LongestFirst.Name, LongestFirst.Assembly)]

namespace Latchwork.AspNetCore.Tests.Support;

/// <summary>The API on a server of its own, over a store in memory whose operations can be made to fail.</summary>
internal sealed class ApiHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ReverseProxy? _proxy;
    private readonly Counter _aborted, _ended;

    private readonly bool _ownsStore;

    private ApiHost(WebApplication app, ReverseProxy? proxy, FaultyStore store, bool ownsStore, CollectedLog log, Counter aborted, Counter ended)
    {
        _ownsStore = ownsStore;
        (Log, _aborted, _ended) = (log, aborted, ended);
        _app = app;
        _proxy = proxy;
        Store = store;
        Address = proxy?.Address ?? ReverseProxy.AddressOf(app);
        Client = new HttpClient { BaseAddress = new Uri(Address + "/latchwork/api/") };
    }

    public string Address { get; }

    public HttpClient Client { get; }

    /// <summary>How many requests the server found closed.</summary>
    public int Aborted => _aborted.Value;

    /// <summary>How many requests have ended.</summary>
    public int Ended => _ended.Value;

    /// <summary>What the API has logged.</summary>
    public CollectedLog Log { get; }

    public FaultyStore Store { get; }

    /// <summary>What the endpoints share.</summary>
    public HttpApi Api => _app.Services.GetRequiredKeyedService<HttpApi>(HttpApi.KeyOf(null));

    /// <summary>Starts it. A request with the header <c>X-User</c> is of that user.</summary>
    public static async Task<ApiHost> StartAsync(
        string environment = "Development", Action<HttpApiOptions>? configure = null, Action<WebApplication>? map = null, bool throughProxy = false, FaultyStore? store = null)
    {
        bool ownsStore = store is null;
        store ??= new(new InMemoryStore());
        WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = environment });
        CollectedLog log = new("Latchwork.HttpApi");
        builder.Logging.ClearProviders().AddProvider(log);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddAuthorization(options => options
            .AddPolicy("anybody", policy => policy.RequireAssertion(_ => true)));
        builder.Services.AddAuthorization(options => options.AddPolicy("nobody", policy => policy.RequireAssertion(_ => false)));
        // Of two schemes none is the default: who uses one names it.
        builder.Services.AddAuthentication()
            .AddScheme<AuthenticationSchemeOptions, HeaderUserHandler>(HeaderUserHandler.Name, null)
            .AddScheme<AuthenticationSchemeOptions, NobodyHandler>(NobodyHandler.Scheme, null);
        builder.Services.AddAuthorization(options => options.AddPolicy("users", policy => policy.AddAuthenticationSchemes(HeaderUserHandler.Name).RequireAuthenticatedUser()));
        builder.Services.AddOpenApi();
        builder.Services.AddLatchwork().UseStore(store).AddHttpApi(configure ?? (options => options.ChangePolicy = "anybody"));
        WebApplication app = builder.Build();
        Counter aborted = new(), ended = new();
        app.Use(async (context, next) =>
        {
            context.RequestAborted.Register(aborted.Increment);
            try
            {
                await next(context);
            }
            finally
            {
                ended.Increment();
            }
        });
        if (map is null) app.MapLatchworkApi("/latchwork/api");
        else map(app);
        if (environment == "Development") app.MapOpenApi();
        await app.StartAsync();
        return new ApiHost(app, throughProxy ? await ReverseProxy.StartAsync(ReverseProxy.AddressOf(app)) : null, store, ownsStore, log, aborted, ended);
    }

    public Task<(int Status, JsonElement Body)> PostAsync(string path, object body) => PostAsync(path, body, user: null);

    public async Task<(int Status, JsonElement Body)> PostAsync(string path, object body, string? user)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        if (user is not null) request.Headers.Add("X-User", user);
        using HttpResponseMessage answer = await Client.SendAsync(request);
        return await ReadAsync(answer);
    }

    public async Task<(int Status, JsonElement Body)> GetAsync(string path, params (string Name, string Value)[] query)
    {
        string text = string.Join('&', query.Select(one => $"{one.Name}={Uri.EscapeDataString(one.Value)}"));
        using HttpResponseMessage answer = await Client.GetAsync(text.Length == 0 ? path : $"{path}?{text}");
        return await ReadAsync(answer);
    }

    /// <summary>Posts events and makes dead letters of them.</summary>
    public async Task DeadLetterAsync(string ns, params string[] ids)
    {
        foreach (string id in ids) await DoAsync("timers/post", new { @namespace = ns, id });
        for (int failed = 0; failed < ids.Length;)
        {
            foreach (JsonElement delivery in (await DoAsync("timers/claim", new { @namespace = ns })).GetProperty("deliveries").EnumerateArray())
            {
                await DoAsync("timers/fail", new { @namespace = ns, id = delivery.GetProperty("id").GetString(), token = delivery.GetProperty("token").GetString(), final = true });
                failed++;
            }
        }
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
        if (_ownsStore) await Store.DisposeAsync();
    }

    private sealed class Counter
    {
        private int _value;

        public int Value => Volatile.Read(ref _value);

        public void Increment() => Interlocked.Increment(ref _value);
    }
}
