using System.Text;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Latchwork.StoreConformance.Support;
using Microsoft.Playwright;
using Shouldly;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Latchwork.AspNetCore.Tests.Dashboard;

/// <summary>The dashboard in a real browser. With LATCHWORK_PICTURES=1 the pictures of the documentation are made anew.</summary>
public sealed class BrowserTests(BrowserFixture chromium) : IClassFixture<BrowserFixture>
{
    private static readonly string[] _pages =
    [
        "", "nodes", "namespace?ns=order-unpaid", "namespace?ns=empty", "namespace?ns=imports", "event?ns=order-unpaid&id=order-41", "event?ns=imports&id=feed-12",
        "schedules?ns=reports", "locks?key=report:2026-11", "locks?list=1", "post?ns=order-unpaid", "confirm?action=purge-all&ns=imports", "confirm?action=pause&ns=imports", "confirm?action=burn&ns=x",
    ];

    [Theory]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 1280)]
    [InlineData(ColorScheme.Light, 390)]
    [InlineData(ColorScheme.Dark, 390)]
    public async Task Each_page_is_accessible_fits_its_width_and_keeps_to_its_policy(ColorScheme scheme, int width)
    {
        await using Shown shown = await ShowAsync(scheme, width);
        foreach (string address in _pages)
        {
            await shown.Page.GotoAsync(address.Length == 0 ? "./" : address);
            await Expect(shown.Page.Locator("h1")).ToBeVisibleAsync();
            (await SeriousAsync(shown.Page)).ShouldBeEmpty(address);
            int overflow = await shown.Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
            overflow.ShouldBeLessThanOrEqualTo(0, $"{address} is wider than {width} pixels");
            await shown.PictureAsync(address, scheme, width);
        }

        shown.Problems.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_page_shows_what_changes_and_a_store_that_goes_away_and_comes_back()
    {
        await using Shown shown = await ShowAsync(ColorScheme.Light, 1280);
        await shown.Page.GotoAsync("namespace?ns=order-unpaid");
        ILocator scheduled = shown.Page.Locator(".facts dd").Nth(1);
        string before = (await scheduled.TextContentAsync())!;
        await Expect(shown.Page.Locator("#live-state")).ToHaveTextAsync("live");
        await shown.Host.PostAsync("order-unpaid", "another", TimeSpan.FromHours(1));
        await Expect(scheduled).Not.ToHaveTextAsync(before);

        await shown.Page.GotoAsync("./");
        shown.Host.Store.Fault = new LatchworkStoreException("The server is away.", StoreOutcome.NotApplied) { IsTransient = true };
        await Expect(shown.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("The store does not answer");
        await Expect(shown.Page.GetByRole(AriaRole.Link, new() { Name = "order-unpaid", Exact = true })).ToBeVisibleAsync(); // what was read before
        await shown.PictureAsync("away", ColorScheme.Light, 1280);
        await shown.Page.ReloadAsync();
        await Expect(shown.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("The server is away.");
        shown.Host.Store.Fault = null;
        await Expect(shown.Page.GetByRole(AriaRole.Alert)).ToBeHiddenAsync();
    }

    [Fact]
    public async Task A_stream_closes_while_the_tab_is_hidden()
    {
        await using Shown shown = await ShowAsync(ColorScheme.Light, 1280);
        await shown.Page.GotoAsync("nodes");
        await Expect(shown.Page.Locator("#live-state")).ToHaveTextAsync("live");
        await HideAsync(true);
        await Expect(shown.Page.Locator("#live-state")).ToHaveTextAsync("paused");
        await Eventually.ReadsAsync(() => Task.FromResult(shown.Host.OpenStreams), open => open == 0, "no open stream");
        await HideAsync(false);
        await Expect(shown.Page.Locator("#live-state")).ToHaveTextAsync("live");
        shown.Host.OpenStreams.ShouldBe(1);

        // Headless browsers hide no tab; the page sees what it would see.
        Task HideAsync(bool hidden) => shown.Page.EvaluateAsync(
            "hidden => { Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden }); document.dispatchEvent(new Event('visibilitychange')); }", hidden);
    }

    [Fact]
    public async Task Actions_are_confirmed_and_done()
    {
        await using Shown shown = await ShowAsync(ColorScheme.Light, 1280);
        IPage page = shown.Page;
        await using DistributedTimer orders = shown.Host.Timer("order-unpaid"), imports = shown.Host.Timer("imports");

        await page.GotoAsync("namespace?ns=imports");
        await page.GetByLabel("Select feed-12").CheckAsync();
        await page.GetByLabel("Select feed-13").CheckAsync();
        await ClickAsync("Requeue selected");
        await Expect(page.Locator(".question")).ToContainTextAsync("Requeue: 2 events");
        await ClickAsync("Requeue");
        await Expect(page.GetByRole(AriaRole.Status).Filter(new() { HasText = "Requeue: done (2)." })).ToBeVisibleAsync();
        (await imports.PeekAsync("feed-12"))!.State.ShouldBe(TimerState.Scheduled);

        await page.GetByLabel("Select feed-14").CheckAsync();
        await ClickAsync("Purge selected");
        await Expect(page.Locator(".question")).ToContainTextAsync("Purge: 1 event");
        await ClickAsync("Purge");
        await Expect(page.GetByRole(AriaRole.Status).Filter(new() { HasText = "Purge: done (1)." })).ToBeVisibleAsync();
        (await imports.PeekAsync("feed-14")).ShouldBeNull();

        await ClickAsync("Purge all");
        await Expect(page.Locator(".question")).ToContainTextAsync("dead letters");
        await ClickAsync("Purge all");
        await Expect(page.Locator("#dead + .empty")).ToBeVisibleAsync();
        (await imports.GetStatsAsync()).DeadLetters.ShouldBe(0);

        await page.GetByRole(AriaRole.Link, new() { Name = "Pause", Exact = true }).ClickAsync();
        await page.GetByLabel("Why").FillAsync("the feed is broken");
        await ClickAsync("Pause");
        await Expect(page.Locator(".note.warn").First).ToContainTextAsync("the feed is broken");
        await page.GetByRole(AriaRole.Link, new() { Name = "Resume", Exact = true }).ClickAsync();
        await ClickAsync("Resume");
        await Expect(page.GetByText("Resume: done (1).")).ToBeVisibleAsync();

        await page.GotoAsync("namespace?ns=order-unpaid");
        await page.GetByLabel("Event id").FillAsync("order-41");
        await ClickAsync("Find");
        await page.GetByLabel("New delay").FillAsync("3h");
        await ClickAsync("Change");
        await ClickAsync("Change the delay");
        await Expect(page.GetByText("Change the delay: done (1).")).ToBeVisibleAsync();
        (await orders.PeekAsync("order-41"))!.TimeLeft.ShouldBeGreaterThan(TimeSpan.FromHours(2));
        await page.GetByRole(AriaRole.Link, new() { Name = "Cancel", Exact = true }).ClickAsync();
        await ClickAsync("Cancel");
        (await orders.PeekAsync("order-41")).ShouldBeNull();

        await page.GetByRole(AriaRole.Link, new() { Name = "Post an event" }).First.ClickAsync();
        await page.GetByLabel("Id").FillAsync("by hand");
        await page.GetByLabel("Payload").FillAsync("{\"order\": \"<b>41</b>\"}");
        await ClickAsync("Continue");
        await ClickAsync("Post");
        Encoding.UTF8.GetString((await orders.PeekAsync("by hand"))!.Payload.Span).ShouldBe("{\"order\": \"<b>41</b>\"}");

        await page.GotoAsync("namespace?ns=trial-ends");
        await page.GetByLabel("Select t1").CheckAsync();
        await ClickAsync("Run selected now");
        await Expect(page.Locator(".question")).ToContainTextAsync("Run now: 1 event");
        await ClickAsync("Run now");
        await Expect(page.GetByText("Run now: done (1).")).ToBeVisibleAsync();
        await using DistributedTimer trials = shown.Host.Timer("trial-ends");
        await Eventually.ReadsAsync(() => trials.PeekAsync("t1"), one => one?.State == TimerState.InFlight, "its listener has it");

        await using DistributedTimer reports = shown.Host.Timer("reports");
        await page.GotoAsync("schedules?ns=reports");
        foreach (string action in (string[])["Trigger", "Pause", "Resume", "Remove"])
        {
            await page.GetByRole(AriaRole.Link, new() { Name = action }).First.ClickAsync();
            await ClickAsync(action);
            await Expect(page.GetByText($"{action}: done (1).")).ToBeVisibleAsync();
            if (action == "Pause") (await reports.Schedules.GetAsync("nightly"))!.IsPaused.ShouldBeTrue();
        }

        (await reports.Schedules.GetAsync("nightly")).ShouldBeNull();

        await page.GotoAsync("locks?key=report:2026-11");
        await page.GetByRole(AriaRole.Link, new() { Name = "Forget" }).ClickAsync();
        await ClickAsync("Forget");
        await Expect(page.GetByText("This key is not locked")).ToBeVisibleAsync();
        shown.Problems.ShouldBeEmpty();

        Task ClickAsync(string button) => page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();
    }

    [Fact]
    public async Task The_keyboard_is_enough()
    {
        await using Shown shown = await ShowAsync(ColorScheme.Light, 1280);
        await shown.Page.GotoAsync("./");
        await shown.Page.Keyboard.PressAsync("Tab");
        await Expect(shown.Page.Locator(".skip")).ToBeFocusedAsync();
        await shown.Page.Keyboard.PressAsync("Enter");
        await shown.Page.GetByRole(AriaRole.Link, new() { Name = "order-unpaid", Exact = true }).FocusAsync();
        await Expect(shown.Page.Locator("#live-state")).ToHaveTextAsync("live");
        await shown.Host.PostAsync("order-unpaid", "more", TimeSpan.FromHours(1));
        await Expect(shown.Page.Locator("tr", new() { HasText = "order-unpaid" }).Locator("td").Nth(1)).ToHaveTextAsync("4,214");
        await Expect(shown.Page.GetByRole(AriaRole.Link, new() { Name = "order-unpaid", Exact = true })).ToBeFocusedAsync(); // as the part was replaced
        await shown.Page.Keyboard.PressAsync("Enter");
        await Expect(shown.Page.Locator("h1")).ToHaveTextAsync("order-unpaid");
    }

    /// <summary>What keeps people from using a page.</summary>
    internal static async Task<string[]> SeriousAsync(IPage page)
    {
        AxeResult result = await page.RunAxe();
        return
        [
            .. result.Violations.Where(violation => violation.Impact is "serious" or "critical")
                .Select(violation => $"{violation.Id}: {violation.Help}: {string.Join(" | ", violation.Nodes.Select(node => node.Html))}"),
        ];
    }

    private async Task<Shown> ShowAsync(ColorScheme scheme, int width)
    {
        SetDefaultExpectTimeout(20_000);
        var time = new EarlierTime();
        DashboardHost host = await DashboardHost.StartAsync(storeTime: time);
        List<IAsyncDisposable> open = [];
        for (int minute = 59; minute > 0; minute--)
        {
            time.Earlier = TimeSpan.FromMinutes(minute);
            await host.WorkAsync("order-unpaid", 40 + (int)(30 * Math.Sin(minute / 6.0)) + minute % 5, failed: minute is > 20 and < 26 ? minute - 18 : 0);
            if (minute % 3 == 0) await host.WorkAsync("cart-abandoned", 3 + minute % 7, failed: 0);
            if (minute == 30) await host.WorkAsync("reports", 12, failed: 0);
        }

        time.Earlier = TimeSpan.Zero;
        for (int i = 0; i < 4; i++) await host.DeadLetterAsync("imports", $"old-{i}", "TimeoutException: The feed did not answer within 30 s.", node: "worker-3");
        await using (DistributedTimer orders = host.Timer("order-unpaid"))
        {
            TimeSpan[] delays = [TimeSpan.FromSeconds(40), TimeSpan.FromMinutes(14), TimeSpan.FromMinutes(50), TimeSpan.FromHours(7), TimeSpan.FromDays(3)];
            await orders.PostAsync([.. Enumerable.Range(0, 4213).Select(i => new TimerPost(
                Encoding.UTF8.GetBytes($"{{\"order\":{i},\"customer\":{{\"name\":\"Ada\",\"country\":\"GB\"}},\"total\":{i % 90}.5}}"),
                i < 70 ? delays[i % delays.Length] + TimeSpan.FromSeconds(i) : TimeSpan.FromDays(2) + TimeSpan.FromSeconds(i), new() { Id = $"order-{i}", Headers = new Dictionary<string, string> { ["tenant"] = "eu-1" } }))]);
        }

        // Far enough away that no test sees it become due.
        await using (DistributedTimer orders = host.Timer("order-unpaid")) await orders.ChangeDelayAsync("order-41", TimeSpan.FromMinutes(20));
        for (int i = 10; i < 18; i++)
        {
            await host.DeadLetterAsync(
                "imports", $"feed-{i}", $"HttpRequestException: Response status code does not indicate success: 502 (Bad Gateway). At attempt {i}.",
                i % 3 == 0 ? DeadLetterReason.Rejected : DeadLetterReason.RetriesExhausted, "worker-3", Encoding.UTF8.GetBytes($"{{\"feed\":{i},\"url\":\"https://feeds.example/{i}\"}}"));
        }

        await host.PostAsync("trial-ends", "t1", TimeSpan.FromDays(12));
        await host.PostAsync("cart-abandoned", "c1", TimeSpan.FromMinutes(40));
        await host.PostAsync("invoices", "i1", TimeSpan.FromDays(1));
        await using (DistributedTimer paused = host.Timer("invoices")) await paused.PauseAsync("tax rates change at midnight", "grace");
        await using (DistributedTimer reports = host.Timer("reports"))
        {
            await reports.Schedules.AddOrUpdateAsync("nightly", Schedule.Cron("0 3 * * *", "Europe/London"), new byte[] { 1 });
            await reports.Schedules.AddOrUpdateAsync("stock-levels", Schedule.Every(TimeSpan.FromMinutes(90)), new byte[] { 1 });
        }

        foreach ((string ns, string node) in new[] { ("order-unpaid", "worker-1"), ("order-unpaid", "worker-2"), ("trial-ends", "worker-1"), ("reports", "worker-2"), ("cart-abandoned", "worker-3") })
        {
            DistributedTimer listener = host.Timer(ns, node);
            await listener.JoinAsync((_, stop) => Task.Delay(Timeout.Infinite, stop));
            open.Add(listener);
        }

        await host.Store.Locks.OpenAsync(LockerOptions.DefaultNamespace, default);
        await host.Store.Locks.AddCountsAsync(LockerOptions.DefaultNamespace, new LockerStats(1284, 3, 2), default);
        var locker = new ProcessLocker(host.Store, new() { NodeId = "worker-2" });
        open.Add(await locker.AcquireAsync("report:2026-11"));
        open.Add(locker);
        IBrowserContext context = await chromium.Browser.NewContextAsync(new() { BaseURL = host.Address.ToString(), ColorScheme = scheme, ViewportSize = new() { Width = width, Height = width > 400 ? 860 : 780 } });
        return new Shown(host, context, await context.NewPageAsync(), open);
    }

    /// <summary>A clock that is behind at first, so that the last hour has something to show.</summary>
    private sealed class EarlierTime : TimeProvider
    {
        public TimeSpan Earlier { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() - Earlier;
    }

    private sealed class Shown : IAsyncDisposable
    {
        private readonly IBrowserContext _context;
        private readonly List<IAsyncDisposable> _open;

        public Shown(DashboardHost host, IBrowserContext context, IPage page, List<IAsyncDisposable> open)
        {
            (Host, _context, Page, _open) = (host, context, page, open);

            // What the policy blocks, and what the script does wrong, is said there. A status of 400 or 404 is an answer.
            page.Console += (_, message) =>
            {
                if (message.Type == "error" && !message.Text.Contains("the server responded with a status of 4", StringComparison.Ordinal)) Problems.Add(message.Text);
            };
            page.PageError += (_, error) => Problems.Add(error);
        }

        public DashboardHost Host { get; }

        public IPage Page { get; }

        public List<string> Problems { get; } = [];

        public async Task PictureAsync(string address, ColorScheme scheme, int width)
        {
            if (Environment.GetEnvironmentVariable("LATCHWORK_PICTURES") != "1") return;
            string? name = address switch
            {
                "" => "overview",
                "namespace?ns=imports" => "namespace",
                "namespace?ns=order-unpaid" => "upcoming",
                "event?ns=imports&id=feed-12" => "event",
                "schedules?ns=reports" => "schedules",
                "locks?key=report:2026-11" => "locks",
                "nodes" => "nodes",
                "confirm?action=purge-all&ns=imports" => "confirm",
                "away" => "away",
                _ => null,
            };
            if (name is null) return;
            string folder = Path.Combine(AppContext.BaseDirectory, "pictures");
            Directory.CreateDirectory(folder);
            await Page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"{name}-{scheme.ToString().ToLowerInvariant()}-{width}.png"), FullPage = width < 400 });
        }

        public async ValueTask DisposeAsync()
        {
            await _context.DisposeAsync();
            foreach (IAsyncDisposable one in _open) await one.DisposeAsync();
            await Host.DisposeAsync();
        }
    }
}
