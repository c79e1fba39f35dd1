using System.Net;
using System.Text;
using Latchwork.Monitoring;
using Latchwork.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Dashboard;

/// <summary>The dashboard as a client of HTTP sees it: what it costs, what it shows, and what it refuses.</summary>
public sealed class DashboardTests
{
    private const string Hostile = "<script>alert(1)</script>\"'&a/b/../%2F}x😀";

    [Fact]
    public async Task The_first_page_is_small_and_cheap_whatever_there_is()
    {
        // Time stands still: on a slow machine what was read first is too old when the last is read, and is read again.
        await using DashboardHost host = await DashboardHost.StartAsync(time: new ManualTimeProvider());
        for (int i = 0; i < 1000; i++) await host.PostAsync($"a-namespace-with-a-long-name-{i:0000}", "1", TimeSpan.FromHours(1));
        host.Store.Commands.Clear();
        string page = await host.GetAsync("");
        Encoding.UTF8.GetByteCount(page).ShouldBeLessThanOrEqualTo(60 << 10);
        page.ShouldContain("1,000 namespaces, most in trouble first");
        host.Store.Commands.Count.ShouldBeLessThanOrEqualTo((2 * (StoreMonitor.MaxFirst + StoreMonitor.PageSize)) + 1); // the page again, should a second pass meanwhile

        host.Store.Commands.Clear();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => host.GetAsync("")));
        host.Store.Commands.ShouldBeEmpty("all of it is read once a second");
        (await host.GetAsync("?page=20")).ShouldContain("page 20 of 20");
        (await host.GetAsync("?search=0042")).ShouldContain("1 namespace, most in trouble first");
    }

    [Fact]
    public async Task Completed_events_are_listed_and_have_a_page()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await host.PostAsync("orders", "waits", TimeSpan.FromHours(1));
        (await host.GetAsync("namespace?ns=orders")).ShouldNotContain("id=\"completed\"");
        await host.CompleteAsync("orders", "41", node: "node-7");
        string page = await host.GetAsync("namespace?ns=orders");
        page.ShouldContain("id=\"completed\"");
        page.ShouldContain(">41</a>");
        page = await host.GetAsync("event?ns=orders&id=41");
        foreach (string part in (string[])["completed", "node-7", "succeeded", "are not kept"]) page.ShouldContain(part);
        page.ShouldNotContain("Payload</h2>");
    }

    [Fact]
    public async Task Text_of_users_is_encoded_wherever_it_is_shown()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await host.PostAsync(Hostile, "waits" + Hostile, TimeSpan.FromHours(1), Encoding.UTF8.GetBytes(Hostile), new Dictionary<string, string> { [Hostile] = Hostile });
        await host.DeadLetterAsync(Hostile, "dead" + Hostile, Hostile, node: Hostile);
        await host.CompleteAsync(Hostile, "done" + Hostile, node: Hostile);
        await using DistributedTimer timer = host.Timer(Hostile, Hostile);
        await timer.JoinAsync((_, _) => Task.CompletedTask);
        await timer.PauseAsync(Hostile, Hostile);
        await timer.Schedules.AddOrUpdateAsync(Hostile, Schedule.Every(TimeSpan.FromHours(1)), new byte[] { 1 });
        await using var locker = new ProcessLocker(host.Store, new() { NodeId = Hostile });
        await using WorkLease lease = await locker.AcquireAsync(Hostile);
        string ns = Uri.EscapeDataString(Hostile);
        foreach (string address in new[]
        {
            "", $"?search={ns}", $"?search=none{ns}", "nodes", $"namespace?ns={ns}", $"event?ns={ns}&id=waits{ns}", $"event?ns={ns}&id=dead{ns}", $"event?ns={ns}&id=done{ns}", $"schedules?ns={ns}",
            $"locks?key={ns}", $"post?ns={ns}", $"confirm?action=purge&ns={ns}&id=dead{ns}", $"confirm?action=pause&ns={ns}&why={ns}",
        })
        {
            string page = await host.GetAsync(address);
            page.ShouldNotContain("<script>alert", customMessage: address);
            page.ShouldContain("&lt;script&gt;alert", customMessage: address);
            page.Split("<script").Length.ShouldBe(2, address); // the one of our own
            page.ShouldNotContain("style=", customMessage: address);
            page.ShouldNotContain(" onclick=", customMessage: address);
        }

        string refused = await host.GetAsync($"?page={ns}", HttpStatusCode.BadRequest);
        refused.ShouldNotContain("<script>alert");

        // Every verb finds the event under such a name.
        string id = "waits" + Hostile;
        using HttpResponseMessage answer = await host.DoAsync($"confirm?action=cancel&ns={ns}&id={Uri.EscapeDataString(id)}");
        answer.Headers.Location!.ToString().ShouldBe($"namespace?ns={ns}&action=cancel&done=1&of=1");
    }

    [Fact]
    public async Task Answers_carry_security_headers_and_files_are_kept_by_browsers()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        using HttpResponseMessage page = await host.Client.GetAsync("");
        page.Headers.GetValues("Content-Security-Policy").Single().ShouldStartWith("default-src 'none'; style-src 'self'; script-src 'self'");
        page.Headers.GetValues("X-Frame-Options").ShouldBe(["DENY"]);
        string html = await page.Content.ReadAsStringAsync();
        int at = html.IndexOf("latchwork.css?v=", StringComparison.Ordinal);
        using HttpResponseMessage style = await host.Client.GetAsync(html[at..html.IndexOf('"', at)]);
        style.Headers.CacheControl!.MaxAge.ShouldBe(TimeSpan.FromDays(365));
        style.Content.Headers.ContentType!.MediaType.ShouldBe("text/css");

        using HttpResponseMessage bare = await host.Client.GetAsync("../latchwork?search=x");
        bare.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        bare.Headers.Location!.ToString().ShouldBe("./latchwork/?search=x");
    }

    [Fact]
    public async Task It_can_be_mapped_under_a_name_that_an_address_has_to_encode()
    {
        await using DashboardHost host = await DashboardHost.StartAsync(pattern: "/über a:b");
        using HttpResponseMessage bare = await host.Client.GetAsync("../%C3%BCber%20a:b?search=x");
        bare.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        bare.Headers.Location!.OriginalString.ShouldBe("./%C3%BCber%20a:b/?search=x");
        using HttpResponseMessage page = await host.Client.GetAsync(new Uri(bare.RequestMessage!.RequestUri!, bare.Headers.Location));
        page.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Nothing_is_changed_without_a_token_or_from_another_site_or_without_the_policy()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await host.PostAsync("orders", "1", TimeSpan.FromHours(1));
        Dictionary<string, string> fields = new() { ["action"] = "cancel", ["ns"] = "orders", ["id"] = "1" };
        using (var form = new FormUrlEncodedContent(fields))
        using (HttpResponseMessage refused = await host.Client.PostAsync("do", form))
        {
            refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
            (await refused.Content.ReadAsStringAsync()).ShouldContain("was not made by this dashboard");
        }

        using (var cross = new HttpRequestMessage(HttpMethod.Post, "do") { Content = new FormUrlEncodedContent(fields) })
        {
            cross.Headers.Add("Sec-Fetch-Site", "cross-site");
            using HttpResponseMessage refused = await host.Client.SendAsync(cross);
            refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        }

        using (HttpResponseMessage get = await host.Client.GetAsync("do?action=cancel&ns=orders&id=1")) get.StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
        using (var json = new StringContent("{}", Encoding.UTF8, "application/json"))
        using (HttpResponseMessage refused = await host.Client.PostAsync("do", json)) refused.StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType);

        await using DashboardHost readOnly = await DashboardHost.StartAsync(options => options.ChangePolicy = null);
        await readOnly.GetAsync("confirm?action=cancel&ns=orders&id=1", HttpStatusCode.Forbidden);
        using (var form = new FormUrlEncodedContent(fields))
        using (HttpResponseMessage refused = await readOnly.Client.PostAsync("do", form)) refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await readOnly.GetAsync("")).ShouldContain("read-only");

        await using DashboardHost closed = await DashboardHost.StartAsync(options => options.ReadPolicy = "nobody");
        string refusal = await closed.GetAsync("", HttpStatusCode.Forbidden);
        refusal.ShouldNotContain(closed.Store.Description);
        refusal.ShouldNotContain("<nav");
        await closed.GetAsync("live?view=nodes", HttpStatusCode.Forbidden);
        await using DistributedTimer timer = host.Timer("orders");
        (await timer.PeekAsync("1")).ShouldNotBeNull();
    }

    [Fact]
    public async Task Payloads_headers_and_errors_are_hidden_without_the_policy()
    {
        await using DashboardHost host = await DashboardHost.StartAsync(options => options.PayloadPolicy = null);
        await host.DeadLetterAsync("orders", "1", "secret error", payload: "{\"secret\":1}"u8.ToArray());
        foreach (string address in new[] { "event?ns=orders&id=1", "namespace?ns=orders" })
        {
            string page = await host.GetAsync(address);
            page.ShouldNotContain("secret");
        }

        await using DashboardHost open = await DashboardHost.StartAsync();
        await open.DeadLetterAsync("orders", "1", "secret error", payload: "{\"secret\":1}"u8.ToArray());
        string shown = await open.GetAsync("event?ns=orders&id=1");
        shown.ShouldContain("secret error");
        shown.ShouldContain("&quot;secret&quot;: 1");
    }

    [Theory]
    [InlineData("?page=0", "&#x27;page&#x27; must be a number from 1; it is &#x27;0&#x27;")]
    [InlineData("namespace", "&#x27;ns&#x27; must have 1 to 512 bytes of UTF-8; it has 0.")]
    [InlineData("namespace?ns=a&limit=7", "must be one of 25, 100, 200")]
    [InlineData("namespace?ns=a&reason=Bored", "must be one of RetriesExhausted")]
    [InlineData("live?view=all", "must be &#x27;overview&#x27;, &#x27;namespace&#x27; or &#x27;nodes&#x27;")]
    [InlineData("confirm?ns=a&action=burn", "&#x27;action&#x27; must be one of post, cancel")]
    [InlineData("confirm?ns=a&action=cancel", "Nothing is selected")]
    [InlineData("confirm?ns=a&action=change-delay&id=1&delay=soon", "&#x27;delay&#x27; must be a duration")]
    public async Task Bad_input_is_named(string address, string message)
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        string page = await host.GetAsync(address, HttpStatusCode.BadRequest);
        page.ShouldContain(message);
        page.ShouldNotContain("(Parameter");
        (await host.GetAsync($"namespace?ns={new string('x', 513)}", HttpStatusCode.BadRequest)).ShouldContain("it has 513");
        (await host.GetAsync("confirm?ns=a&action=cancel" + string.Concat(Enumerable.Range(0, 201).Select(i => $"&id={i}")), HttpStatusCode.BadRequest)).ShouldContain("up to 200");
    }

    [Fact]
    public async Task Each_action_does_what_it_says_and_is_logged()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await using DistributedTimer timer = host.Timer("orders");
        await host.PostAsync("orders", "a", TimeSpan.FromHours(1));
        await host.PostAsync("orders", "b", TimeSpan.FromHours(1));

        (await DoAsync("confirm?action=change-delay&ns=orders&id=a&delay=2h")).ShouldBe("event?ns=orders&id=a&action=change-delay&done=1&of=1");
        (await timer.PeekAsync("a"))!.TimeLeft.ShouldBeGreaterThan(TimeSpan.FromMinutes(90));
        (await DoAsync("confirm?action=run-now&ns=orders&id=a&id=b&id=gone")).ShouldEndWith("done=2&of=3");
        (await timer.PeekAsync("b"))!.TimeLeft.ShouldBe(TimeSpan.Zero);
        (await host.GetAsync("namespace?ns=orders&action=run-now&done=2&of=3")).ShouldContain("Run now: 2 of 3 done.");
        (await DoAsync("confirm?action=cancel&ns=orders&id=a&id=b")).ShouldEndWith("done=2&of=2");
        (await timer.GetStatsAsync()).Scheduled.ShouldBe(0);

        foreach (string id in new[] { "1", "2", "3" }) await host.DeadLetterAsync("orders", id, "no");
        await host.DeadLetterAsync("orders", "4", "no", DeadLetterReason.Rejected);
        (await host.GetAsync("confirm?action=purge-all&ns=orders")).ShouldContain("Purge all: 4 dead letters");
        (await host.GetAsync("confirm?action=purge-all&ns=orders&reason=Rejected")).ShouldContain("Purge all: 1 dead letter (rejected)");
        (await DoAsync("confirm?action=purge-all&ns=orders&reason=Rejected")).ShouldEndWith("done=1&of=1");
        (await DoAsync("confirm?action=requeue&ns=orders&id=1")).ShouldEndWith("done=1&of=1");
        (await DoAsync("confirm?action=purge&ns=orders&id=2")).ShouldEndWith("done=1&of=1");
        (await DoAsync("confirm?action=requeue-all&ns=orders")).ShouldEndWith("done=1&of=1");
        TimerStats stats = await timer.GetStatsAsync();
        (stats.Scheduled, stats.DeadLetters).ShouldBe((2, 0));

        await DoAsync("confirm?action=pause&ns=orders", ("why", "migration"));
        TimerPause pause = (await timer.GetStatsAsync()).Pause!;
        (pause.By, pause.Reason).ShouldBe(("anonymous", "migration"));
        await DoAsync("confirm?action=resume&ns=orders");
        (await timer.GetStatsAsync()).Pause.ShouldBeNull();

        await timer.Schedules.AddOrUpdateAsync("nightly", Schedule.Every(TimeSpan.FromHours(1)), new byte[] { 1 });
        await DoAsync("confirm?action=schedule-pause&ns=orders&id=nightly");
        (await timer.Schedules.GetAsync("nightly"))!.IsPaused.ShouldBeTrue();
        await DoAsync("confirm?action=schedule-resume&ns=orders&id=nightly");
        (await timer.Schedules.GetAsync("nightly"))!.IsPaused.ShouldBeFalse();
        (await DoAsync("confirm?action=schedule-trigger&ns=orders&id=nightly")).ShouldEndWith("done=1&of=1");
        (await DoAsync("confirm?action=schedule-remove&ns=orders&id=nightly")).ShouldEndWith("done=1&of=1");
        (await timer.Schedules.GetAsync("nightly")).ShouldBeNull();

        await using var locker = new ProcessLocker(host.Store);
        await using WorkLease lease = await locker.AcquireAsync("report");
        (await DoAsync("confirm?action=forget&ns=locker&id=report")).ShouldBe("locks?ns=locker&key=report&action=forget&done=1&of=1");
        (await locker.PeekAsync("report")).ShouldBeNull();

        (await DoAsync("confirm?action=post&ns=orders&id=new&delay=5m&payload=%7B%7D")).ShouldEndWith("done=1&of=1");
        Encoding.UTF8.GetString((await timer.PeekAsync("new"))!.Payload.Span).ShouldBe("{}");

        host.Log.Lines.ShouldContain("Information: anonymous did 'cancel' in the namespace 'orders' on the dashboard: 2 of 2 done.");
        host.Log.Lines.Count(line => line.StartsWith("Information", StringComparison.Ordinal)).ShouldBe(15);

        async Task<string> DoAsync(string address, params (string Name, string Value)[] more)
        {
            using HttpResponseMessage answer = await host.DoAsync(address, more);
            answer.StatusCode.ShouldBe(HttpStatusCode.SeeOther, await answer.Content.ReadAsStringAsync());
            return answer.Headers.Location!.ToString();
        }
    }

    [Fact]
    public async Task A_schedule_shows_its_policies_and_counts_and_can_be_found_among_many()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await using DistributedTimer timer = host.Timer("reports");
        for (int i = 0; i <= 200; i++) await timer.Schedules.AddOrUpdateAsync($"s{i:000}", Schedule.Every(TimeSpan.FromHours(1)), new byte[] { 1 }, new() { Overlap = OverlapPolicy.Queue, Revision = 3 });
        for (int i = 0; i < 3; i++) await timer.Schedules.TriggerAsync("s200");

        string page = await host.GetAsync("schedules?ns=reports");
        page.ShouldContain("There are more than these 200");
        page.ShouldContain("<h2>s199</h2>");
        page.ShouldNotContain("<h2>s200</h2>");

        page = await host.GetAsync("schedules?ns=reports&id=s200");
        foreach (string part in (string[])["<h2>s200</h2>", "0 skipped, 1 replaced", "missed: latest, while another runs: queue, revision 3", "one occurrence, for the end of another"]) page.ShouldContain(part);
        page.Split("<article").Length.ShouldBe(2);
        (await host.GetAsync("schedules?ns=reports&id=none")).ShouldContain("There is no schedule of this id");
    }

    [Fact]
    public async Task A_selection_is_posted_and_what_failed_in_part_says_so()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        foreach (string id in new[] { "1", "2", "3", "4" }) await host.DeadLetterAsync("orders", id, "no");
        await host.PostAsync("orders", "later", TimeSpan.FromHours(1));
        string page = await host.GetAsync("namespace?ns=orders");
        page.ShouldNotContain("<form method=\"get\" action=\"confirm\"");
        page.Split("<form method=\"post\" action=\"confirm\"").Length.ShouldBe(3);

        List<KeyValuePair<string, string>> fields = [.. DashboardHost.Fields(page).Where(field => field.Key is not "id").DistinctBy(field => field.Key), new("action", "purge")];
        fields.AddRange(new[] { "1", "gone", "2", "3", "4" }.Select(id => new KeyValuePair<string, string>("id", id)));
        using var form = new FormUrlEncodedContent(fields);
        using HttpResponseMessage confirm = await host.Client.PostAsync("confirm", form);
        string question = await confirm.Content.ReadAsStringAsync();
        question.ShouldContain("Purge: 5 events");

        host.Store.FailAfterPurges = 2;
        using var answer = new FormUrlEncodedContent(DashboardHost.Fields(question));
        using HttpResponseMessage done = await host.Client.PostAsync("do", answer);
        done.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        string said = WebUtility.HtmlDecode(await done.Content.ReadAsStringAsync());
        said.ShouldContain("1 of 5 were done, then the store failed");
        said.ShouldContain("Whether '2' was done is not known. 2 were not tried: '3', '4'.");
        said.ShouldNotContain("Nothing was changed");
        host.Log.Lines.ShouldContain(line => line.StartsWith("Warning", StringComparison.Ordinal) && line.EndsWith("failed; 1 are known to be done.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_overview_shows_what_lockers_have_done()
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await host.Store.Locks.OpenAsync(LockerOptions.DefaultNamespace, default);
        await host.Store.Locks.AddCountsAsync(LockerOptions.DefaultNamespace, new LockerStats(1284, 3, 2), default);
        string page = await host.GetAsync("");
        foreach (string count in new[] { "1,284", "3", "2" }) page.ShouldContain($"<td class=\"n\">{count}</td>");
    }

    [Fact]
    public async Task While_the_store_does_not_answer_its_state_is_not_shown_as_fine()
    {
        var clock = new ManualTimeProvider();
        await using DashboardHost host = await DashboardHost.StartAsync(configure: null, clock);
        await host.PostAsync("orders", "1", TimeSpan.FromHours(1));
        await using (DistributedTimer timer = host.Timer("orders")) await timer.CancelAsync("1");
        (await host.GetAsync("")).ShouldContain("<div class=\"fine\"><dt>State</dt>");
        host.Store.Fault = new LatchworkStoreException("The server is away.", StoreOutcome.NotApplied) { IsTransient = true };
        clock.Advance(StoreMonitor.MaxAge);
        string page = await host.GetAsync("");
        page.ShouldContain("The server is away.");
        page.ShouldContain("<div class=\"critical\"><dt>State</dt>");
    }

    [Theory]
    [InlineData("The server is away. Nothing was changed.", StoreOutcome.NotApplied, "The server is away. Nothing was changed.", "The server is away. Nothing was changed.")]
    [InlineData("The server is away.", StoreOutcome.NotApplied, "The server is away.", "The server is away. Nothing was changed.")]
    [InlineData("No reply came.", StoreOutcome.Unknown, "No reply came.", "No reply came. Whether anything was changed is not known.")]
    public async Task What_is_known_of_a_change_that_failed_is_said_once_and_not_of_a_look(string failure, StoreOutcome outcome, string ofLook, string ofChange)
    {
        await using DashboardHost host = await DashboardHost.StartAsync();
        await host.PostAsync("orders", "1", TimeSpan.FromHours(1));
        List<KeyValuePair<string, string>> fields = DashboardHost.Fields(await host.GetAsync("confirm?action=pause&ns=orders"));
        host.Store.Fault = new LatchworkStoreException(failure, outcome);

        (await host.GetAsync("confirm?action=purge-all&ns=orders", HttpStatusCode.ServiceUnavailable)).ShouldContain($">{ofLook}<");
        using HttpResponseMessage answer = await host.Client.PostAsync("do", new FormUrlEncodedContent(fields));

        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await answer.Content.ReadAsStringAsync()).ShouldContain($">{ofChange}<");
    }

    [Fact]
    public async Task Outside_development_the_host_does_not_start_without_a_rule_and_options_are_checked()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        builder.Services.AddAuthorization();
        builder.Services.AddLatchwork().UseInMemory().AddDashboard();
        await using (WebApplication app = builder.Build())
        {
            app.Urls.Add("http://127.0.0.1:0");
            app.MapLatchworkDashboard("/latchwork");
            (await Should.ThrowAsync<InvalidOperationException>(() => app.StartAsync())).Message.ShouldContain("MapLatchworkDashboard(\"/latchwork\")");
            Should.Throw<InvalidOperationException>(() => app.MapLatchworkDashboard("/other", "reports")).Message.ShouldContain("'reports'");
        }

        string message = Should.Throw<Exception>(() => DashboardHost.StartAsync(options => (options.MaxStreams, options.ReadPolicy) = (-1, ""))).Message;
        message.ShouldContain("'MaxStreams' must be between 0 and 10000; it is -1.");
        message.ShouldContain("'ReadPolicy' must be the name of an authorization policy, or null; it is empty.");
        (await Should.ThrowAsync<InvalidOperationException>(() => DashboardHost.StartAsync(options => options.ChangePolicy = "ops"))).Message.ShouldContain("'ops'");
    }
}
