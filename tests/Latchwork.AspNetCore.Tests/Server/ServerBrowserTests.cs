using Latchwork.AspNetCore.Tests.Dashboard;
using Latchwork.AspNetCore.Tests.Support;
using Microsoft.Playwright;
using Shouldly;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Latchwork.AspNetCore.Tests.Server;

/// <summary><c>latchwork-server</c> in a real browser, behind a reverse proxy that cuts a prefix from the path.</summary>
public sealed class ServerBrowserTests(BrowserFixture chromium) : IClassFixture<BrowserFixture>, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("latchwork-server-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_browser_signs_in_changes_something_and_signs_out_whether_or_not_the_proxy_says_its_prefix(bool saysPrefix)
    {
        SetDefaultExpectTimeout(20_000);
        string database = Path.Combine(_folder, "a.db");
        await using ServerProcess server = await ServerProcess.StartAsync("--store", $"sqlite:{database}");
        await using ReverseProxy proxy = await ReverseProxy.StartAsync(server.Http.BaseAddress!.ToString(), "/tools/timers", saysPrefix);
        await using IBrowserContext context = await chromium.Browser.NewContextAsync(new() { BaseURL = proxy.Address + "/tools/timers/latchwork/", ViewportSize = new() { Width = 390, Height = 780 } });
        IPage page = await context.NewPageAsync();

        await page.GotoAsync("../");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Sign in");
        await page.GotoAsync("nodes");
        await SignInAsync("not-the-token-at-all");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("not the token");
        await FitsAsync();
        await SignInAsync(server.Token);
        await Expect(page.Locator("h1")).ToHaveTextAsync("Nodes"); // the page that was asked for
        await Expect(page.Locator("#live-state")).ToHaveTextAsync("live");
        await FitsAsync();
        (await context.CookiesAsync()).ShouldAllBe(cookie => cookie.Path == "/tools/timers/latchwork");

        await page.GotoAsync("post?ns=orders");
        await page.Locator("input[name=id]").FillAsync("41");
        await page.GetByRole(AriaRole.Button, new() { Name = "Continue" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Post" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status).Filter(new() { HasText = "Post: done (1)." })).ToBeVisibleAsync();

        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Expect(page.Locator("h1")).ToHaveTextAsync("Sign in");
        (await context.CookiesAsync()).ShouldNotContain(cookie => cookie.Name == $"latchwork-{server.Http.BaseAddress!.Port}");
        await page.GotoAsync("nodes");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Sign in");

        // Narrow, and for those who do not see it.
        async Task FitsAsync()
        {
            (await BrowserTests.SeriousAsync(page)).ShouldBeEmpty();
            (await page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth")).ShouldBeLessThanOrEqualTo(0);
        }

        async Task SignInAsync(string token)
        {
            await page.GetByLabel("Token").FillAsync(token);
            await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        }
    }
}
