using System.Net;
using System.Text.RegularExpressions;
using Latchwork.AspNetCore.Tests.Support;
using Latchwork.Dashboard;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Latchwork.Tests.Monitoring;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Shouldly;

namespace Latchwork.AspNetCore.Tests.Dashboard;

/// <summary>An application with a dashboard, on a port of this machine.</summary>
internal sealed partial class DashboardHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClientHandler _handler = new() { AllowAutoRedirect = false };

    private DashboardHost(WebApplication app, CountedStore store, CollectedLog log)
    {
        (_app, Store, Log) = (app, store, log);
        string address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        Address = new Uri(address + "/base/admin/latchwork/");
        Client = new HttpClient(_handler) { BaseAddress = Address };
    }

    public Uri Address { get; }

    public HttpClient Client { get; }

    public CountedStore Store { get; }

    public CollectedLog Log { get; }

    public FragmentFeeds Feeds => _app.Services.GetRequiredService<DashboardRuntime>().Feeds;

    public int OpenStreams => Feeds.Open;

    /// <summary>Starts it under a path base and within a group.</summary>
    public static async Task<DashboardHost> StartAsync(Action<DashboardOptions>? configure = null, TimeProvider? time = null, Func<bool>? isAdmitted = null, string pattern = "/latchwork", TimeProvider? storeTime = null)
    {
        var store = new CountedStore(new InMemoryStore(storeTime));
        var log = new CollectedLog("Latchwork.Dashboard");
        WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Debug);
        builder.Services.AddAuthorizationBuilder().AddPolicy("everybody", policy => policy.RequireAssertion(_ => true)).AddPolicy("nobody", policy => policy.RequireAssertion(_ => false))
            .AddPolicy("changing", policy => policy.RequireAssertion(_ => isAdmitted!()));
        builder.Services.AddAuthentication();
        if (time is not null) builder.Services.AddSingleton(time);
        builder.Services.AddLatchwork().UseStore(store).AddDashboard(options =>
        {
            options.ChangePolicy = options.PayloadPolicy = "everybody";
            configure?.Invoke(options);
        });
        WebApplication app = builder.Build();
        app.UsePathBase("/base");
        app.UseRouting();
        app.MapGroup("/admin").MapLatchworkDashboard(pattern).AllowAnonymous();
        await app.StartAsync();
        return new DashboardHost(app, store, log);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        _handler.Dispose();
        await _app.DisposeAsync();
        await Store.DisposeAsync();
    }

    public DistributedTimer Timer(string ns, string? node = null) => new(Store, new() { Namespace = ns, NodeId = node });

    public async Task PostAsync(string ns, string id, TimeSpan delay, byte[]? payload = null, IReadOnlyDictionary<string, string>? headers = null)
    {
        await using DistributedTimer timer = Timer(ns);
        await timer.PostAsync(payload ?? "{}"u8.ToArray(), delay, new() { Id = id, MaxRetries = 0, Headers = headers });
    }

    /// <summary>Posts an event and makes it a dead letter.</summary>
    public async Task DeadLetterAsync(string ns, string id, string error, DeadLetterReason reason = DeadLetterReason.RetriesExhausted, string node = "node-7", byte[]? payload = null)
    {
        await PostAsync(ns, id, TimeSpan.Zero, payload);
        var partition = new TimerPartition(ns, 0);
        var limits = new DeadLetterLimits(TimeSpan.FromDays(30), 1000);
        // Due times are rounded up: it may be due a moment later.
        await Eventually.ReadsAsync(
            () => Store.Timers.ClaimAsync(partition, new ClaimRequest("claims", $"{Guid.NewGuid():N}0", 10, 10, 0, TimeSpan.FromSeconds(10), limits), default),
            claim => claim.Events.Count > 0,
            "the event is due");
        string token = (await Store.Timers.PeekAsync(partition, id, default))!.Token!;
        await Store.Timers.FailAsync(partition, [new TimerFailure(new DeliveryKey(id, token), node, error, null, reason)], limits, default);
        await Store.Timers.LeaveAsync(partition, "claims", default);
    }

    /// <summary>Posts an event, and lets a node claim and confirm it.</summary>
    public async Task CompleteAsync(string ns, string id, string node)
    {
        await using (DistributedTimer timer = Timer(ns))
        {
            await timer.PostAsync("{}"u8.ToArray(), DateTimeOffset.UnixEpoch.AddYears(50), new() { Id = id }); // due immediately, not at the end of this millisecond
        }

        var partition = new TimerPartition(ns, 0);
        string token = $"{Guid.NewGuid():N}0";
        await Store.Timers.ClaimAsync(partition, new ClaimRequest(node, token, 10, 10, 0, TimeSpan.FromSeconds(10), new DeadLetterLimits(TimeSpan.FromDays(30), 1000)), default);
        (await Store.Timers.ConfirmAsync(partition, [new DeliveryKey(id, token)], new CompletedLimits(TimeSpan.FromDays(1), Limits.MaxCompleted), default)).ShouldBe([TimerOutcome.Done]);
        await Store.Timers.LeaveAsync(partition, node, default);
    }

    /// <summary>Posts events that are delivered and confirmed, but for some that fail.</summary>
    public async Task WorkAsync(string ns, int count, int failed)
    {
        await using (DistributedTimer timer = Timer(ns)) await timer.PostAsync([.. Enumerable.Range(0, count).Select(_ => new TimerPost(default, TimeSpan.Zero, new() { MaxRetries = 3 }))]);
        var partition = new TimerPartition(ns, 0);
        var limits = new DeadLetterLimits(TimeSpan.FromDays(30), 1000);
        List<DeliveryKey> held = [];
        while (held.Count < count)
        {
            TimerClaim claim = await Store.Timers.ClaimAsync(partition, new ClaimRequest("claims", $"{Guid.NewGuid():N}0", count, count, held.Count, TimeSpan.FromSeconds(10), limits), default);
            foreach (ClaimedEvent one in claim.Events) held.Add(new DeliveryKey(one.Id, (await Store.Timers.PeekAsync(partition, one.Id, default))!.Token!));
        }

        DeliveryKey[] failing = [.. held.Take(failed)];
        await Store.Timers.FailAsync(partition, [.. failing.Select(key => new TimerFailure(key, "worker-1", "no", TimeSpan.FromSeconds(1), DeadLetterReason.RetriesExhausted))], limits, default);
        await Store.Timers.ConfirmAsync(partition, [.. held.Skip(failed)], CompletedLimits.None, default);
        await using (DistributedTimer timer = Timer(ns)) foreach (DeliveryKey key in failing) await timer.CancelAsync(key.Id);
        await Store.Timers.LeaveAsync(partition, "claims", default);
    }

    public async Task<string> GetAsync(string address, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using HttpResponseMessage answer = await Client.GetAsync(address);
        string html = await answer.Content.ReadAsStringAsync();
        if (answer.StatusCode != expected) throw new InvalidOperationException($"{address} answered {(int)answer.StatusCode}: {html}");
        return html;
    }

    /// <summary>Confirms an action as a browser does.</summary>
    public async Task<HttpResponseMessage> DoAsync(string confirmAddress, params (string Name, string Value)[] more)
    {
        List<KeyValuePair<string, string>> fields = Fields(await GetAsync(confirmAddress));
        fields.AddRange(more.Select(one => new KeyValuePair<string, string>(one.Name, one.Value)));
        using var form = new FormUrlEncodedContent(fields);
        return await Client.PostAsync("do", form);
    }

    /// <summary>The hidden fields of the forms of a page.</summary>
    public static List<KeyValuePair<string, string>> Fields(string page) => [.. Hidden().Matches(page).Select(match =>
        new KeyValuePair<string, string>(WebUtility.HtmlDecode(match.Groups[1].Value), WebUtility.HtmlDecode(match.Groups[2].Value)))];

    [GeneratedRegex("<input type=\"hidden\" name=\"([^\"]*)\" value=\"([^\"]*)\"")]
    private static partial Regex Hidden();
}
