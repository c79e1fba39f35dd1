using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Latchwork.Server.Access;
using Latchwork.StoreConformance.Support;
using Microsoft.Data.Sqlite;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Server;

/// <summary><c>latchwork-server</c> on SQLite, as an operator, a program and a browser meet it.</summary>
public sealed class ServerTests : IDisposable
{
    private const string OwnToken = "a-token-of-our-own.42";

    private readonly string _folder = Directory.CreateTempSubdirectory("latchwork-server-").FullName;

    private string Database => Path.Combine(_folder, "a.db");

    private string Store => $"sqlite:{Database}";

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_program_with_the_token_reads_changes_and_listens()
    {
        await using ServerProcess server = await ServerProcess.StartAsync("--store", Store, "--show-payloads");
        server.Output.ShouldContain($"latchwork-server: {(await StoreDescriptionAsync())}: dashboard http://127.0.0.1:");
        (await server.ApiAsync("timers/post", new { @namespace = "orders", id = "41", delay = "1h", data = new { order = 41 } })).Status.ShouldBe(201);
        (await server.ApiAsync("timers/stats?namespace=orders")).Body.GetProperty("scheduled").GetInt32().ShouldBe(1);

        // What another process posts wakes a claim that waits.
        Task<(int Status, JsonElement Body)> claim = server.ApiAsync("timers/claim", new { @namespace = "orders", wait = "60s", lease = "30s" });
        await using (SqliteStore store = await SqliteStore.OpenAsync(Database))
        await using (var timer = new DistributedTimer(store, new() { Namespace = "orders" }))
        {
            (await timer.PeekAsync("41"))!.Payload.Length.ShouldBeGreaterThan(0);
            await timer.PostAsync("{\"order\":42}"u8.ToArray(), TimeSpan.FromMilliseconds(20), new() { Id = "42" });
        }

        JsonElement delivery = (await claim).Body.GetProperty("deliveries")[0];
        delivery.GetProperty("data").GetProperty("order").GetInt32().ShouldBe(42);
        (await server.ApiAsync("timers/confirm", new { @namespace = "orders", id = "42", token = delivery.GetProperty("token").GetString() })).Status.ShouldBe(200);

        (int status, JsonElement key) = await server.ApiAsync("locks/request", new { key = "report", wait = "0s", lease = "30s" });
        (status, key.GetProperty("status").GetString()).ShouldBe((201, "locked"));
        (await server.ApiAsync("openapi.json")).Body.GetProperty("paths").EnumerateObject().Select(path => path.Name).ShouldContain("/latchwork/api/timers/claim");
    }

    [Fact]
    public async Task Without_the_token_nothing_is_told_and_a_cookie_is_no_token_for_the_API()
    {
        await using ServerProcess server = await ServerProcess.StartAsync("--store", Store);
        string cookie = await LogInAsync(server);
        foreach (string path in new[] { "/latchwork/api/timers/namespaces", "/latchwork/api/openapi.json", "/latchwork/nodes", "/latchwork/live?view=nodes", "/latchwork/latchwork.js" })
        {
            foreach (string? bearer in new[] { null, server.Token + "x", server.Token.ToLowerInvariant() })
            {
                using HttpResponseMessage refused = await server.SendAsync(HttpMethod.Get, path, bearer: bearer, accept: "*/*");
                refused.StatusCode.ShouldBe(HttpStatusCode.Unauthorized, path);
                refused.Headers.WwwAuthenticate.Single().Scheme.ShouldBe("Bearer");
                refused.Headers.GetValues("X-Content-Type-Options").ShouldBe(["nosniff"]);
            }
        }

        using HttpResponseMessage api = await server.SendAsync(HttpMethod.Get, "/latchwork/api/timers/namespaces", cookie: cookie);
        api.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        using HttpResponseMessage page = await server.SendAsync(HttpMethod.Get, "/latchwork/nodes", cookie: cookie);
        page.StatusCode.ShouldBe(HttpStatusCode.OK);
        using HttpResponseMessage byHeader = await server.SendAsync(HttpMethod.Get, "/latchwork/nodes", bearer: server.Token);
        byHeader.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_browser_enters_the_token_once()
    {
        await using ServerProcess server = await ServerProcess.StartAsync("--store", Store);
        using (HttpResponseMessage root = await server.SendAsync(HttpMethod.Get, "/")) root.Headers.Location!.ToString().ShouldBe("latchwork/");
        using (HttpResponseMessage bare = await server.SendAsync(HttpMethod.Get, "/latchwork?page=1")) bare.Headers.Location!.ToString().ShouldBe("latchwork/?page=1");
        using (HttpResponseMessage login = await server.SendAsync(HttpMethod.Get, "/latchwork/namespace?ns=%22%3E%3Cscript%3E"))
        {
            login.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
            login.Headers.GetValues("Content-Security-Policy").Single().ShouldContain("form-action 'self'");
            string html = await login.Content.ReadAsStringAsync();
            html.ShouldContain("<input type=\"hidden\" name=\"to\" value=\"./namespace?ns=%22%3E%3Cscript%3E\">");
            html.ShouldNotContain("<script");
            int style = html.IndexOf("login.css?v=", StringComparison.Ordinal);
            using HttpResponseMessage css = await server.SendAsync(HttpMethod.Get, $"/latchwork/{html[style..html.IndexOf('"', style)]}");
            css.Content.Headers.ContentType!.MediaType.ShouldBe("text/css");
        }

        using (HttpResponseMessage wrong = await PostTokenAsync(server, "not-the-token-at-all", "./"))
        {
            wrong.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
            (await wrong.Content.ReadAsStringAsync()).ShouldContain("That is not the token of this server.");
            wrong.Headers.Contains("Set-Cookie").ShouldBeFalse();
        }

        using (HttpResponseMessage large = await PostTokenAsync(server, new string('x', 20_000), "./")) large.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        foreach ((string to, string expected) in new[] { ("./namespace?ns=a%2Fb", "./namespace?ns=a%2Fb"), ("https://evil.example/", "./"), ("//evil.example", "./"), ("./x\r\nSet-Cookie: a=b", "./") })
        {
            using HttpResponseMessage right = await PostTokenAsync(server, server.Token, to);
            right.StatusCode.ShouldBe(HttpStatusCode.SeeOther);
            right.Headers.Location!.ToString().ShouldBe(expected);
            string cookie = right.Headers.GetValues("Set-Cookie").Single();
            cookie.ShouldContain($"latchwork-{server.Http.BaseAddress!.Port}=", Case.Sensitive, "browsers share cookies among all ports of a machine");
            cookie.ShouldContain("; samesite=strict; httponly");
            cookie.ShouldNotContain("; path=", Case.Insensitive, "the folder of the page is it, whatever a proxy has cut");
            cookie.ShouldNotContain(server.Token);
            cookie.ShouldNotContain("expires");
        }

        string session = await LogInAsync(server);
        using (HttpResponseMessage overview = await server.SendAsync(HttpMethod.Get, "/latchwork/", cookie: session))
        {
            string html = await overview.Content.ReadAsStringAsync();
            html.ShouldContain("<h1>Overview</h1>");
            html.ShouldNotContain("read-only");
            html.ShouldNotContain(server.Token);
        }

        using HttpResponseMessage crossSite = await server.Http.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/latchwork/login")
        {
            Headers = { { "Sec-Fetch-Site", "cross-site" } },
            Content = new FormUrlEncodedContent([new("token", server.Token)]),
        });
        crossSite.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        server.Output.ShouldNotContain(server.Token);
        server.Error.Split(server.Token).Length.ShouldBe(2, "it is told once, at start");
        await Eventually.HoldsAsync(() => server.Error.Contains("sent a wrong token", StringComparison.Ordinal), "the wrong token is logged");
        server.Error.ShouldNotContain("not-the-token-at-all");
    }

    [Fact]
    public async Task A_session_that_was_signed_out_is_over_for_a_copy_of_its_cookie_too()
    {
        await using ServerProcess server = await ServerProcess.StartAsync("--store", Store);
        string session = await LogInAsync(server), other = await LogInAsync(server);
        (await StatusAsync(session)).ShouldBe(HttpStatusCode.OK);

        using (HttpResponseMessage signedOut = await server.SendAsync(HttpMethod.Post, "/latchwork/logout", cookie: session)) signedOut.StatusCode.ShouldBe(HttpStatusCode.SeeOther);

        (await StatusAsync(session)).ShouldBe(HttpStatusCode.Unauthorized);
        (await StatusAsync(other)).ShouldBe(HttpStatusCode.OK);

        async Task<HttpStatusCode> StatusAsync(string cookie)
        {
            using HttpResponseMessage page = await server.SendAsync(HttpMethod.Get, "/latchwork/nodes", cookie: cookie);
            return page.StatusCode;
        }
    }

    [Fact]
    public async Task Read_only_it_changes_nothing_and_makes_no_file()
    {
        (int exitCode, _, string error) = await ServerProcess.RunAsync("--store", Store, "--read-only");
        exitCode.ShouldBe(3, error);
        error.ShouldContain("there is no store yet");
        File.Exists(Database).ShouldBeFalse();

        await using (SqliteStore store = await SqliteStore.OpenAsync(Database))
        await using (var timer = new DistributedTimer(store, new() { Namespace = "orders" })) await timer.PostAsync("{\"secret\":1}"u8.ToArray(), TimeSpan.FromHours(1), new() { Id = "41" });

        await using ServerProcess server = await ServerProcess.StartAsync("--store", Store, "--read-only");
        (await server.ApiAsync("timers/stats?namespace=orders")).Body.GetProperty("scheduled").GetInt32().ShouldBe(1);
        (await server.ApiAsync("timers/event?namespace=orders&id=41")).Body.ToString().ShouldNotContain("secret");
        (int status, JsonElement problem) = await server.ApiAsync("timers/cancel", new { @namespace = "orders", id = "41" });
        status.ShouldBe(403);
        problem.GetProperty("detail").GetString()!.ShouldContain("read-only");
        using HttpResponseMessage overview = await server.SendAsync(HttpMethod.Get, "/latchwork/", bearer: server.Token);
        (await overview.Content.ReadAsStringAsync()).ShouldContain("read-only");
        using HttpResponseMessage confirm = await server.SendAsync(HttpMethod.Get, "/latchwork/confirm?action=cancel&ns=orders&id=41", bearer: server.Token);
        confirm.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task Read_only_it_migrates_no_older_file()
    {
        await using (var connection = new SqliteConnection($"Data Source={Database};Pooling=false"))
        {
            using var script = new StreamReader(typeof(SqliteStore).Assembly.GetManifestResourceStream("Version1.sql")!);
            connection.Open();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = await script.ReadToEndAsync() + "; PRAGMA application_id = 0x4C544348; PRAGMA user_version = 1";
            await command.ExecuteNonQueryAsync();
        }

        byte[] before = await File.ReadAllBytesAsync(Database);
        (int exitCode, _, string error) = await ServerProcess.RunAsync("--store", Store, "--read-only", "--urls", "http://127.0.0.1:0");
        exitCode.ShouldBe(1, error);
        error.ShouldContain("its tables have version 1");
        error.ShouldContain($"latchwork store migrate --store {Store}");
        (await File.ReadAllBytesAsync(Database)).ShouldBe(before);
    }

    [Fact]
    public async Task Payloads_are_hidden_unless_they_are_asked_for()
    {
        await using ServerProcess server = await ServerProcess.StartAsync("--store", Store);
        (await server.ApiAsync("timers/post", new { @namespace = "orders", id = "41", delay = "1h", data = new { secret = 1 } })).Status.ShouldBe(201);
        (await server.ApiAsync("timers/event?namespace=orders&id=41")).Body.ToString().ShouldNotContain("secret");
        (await server.ApiAsync("timers/claim", new { @namespace = "orders", wait = "0s" })).Status.ShouldBe(403);
        using HttpResponseMessage page = await server.SendAsync(HttpMethod.Get, "/latchwork/event?ns=orders&id=41", bearer: server.Token);
        (await page.Content.ReadAsStringAsync()).ShouldNotContain("secret");
    }

    [Fact]
    public async Task With_a_token_file_other_machines_may_reach_it_and_the_token_is_written_nowhere()
    {
        string file = Path.Combine(_folder, "token");
        await File.WriteAllTextAsync(file, OwnToken + "\n");
        await using ServerProcess server = await ServerProcess.StartAsync("--store", Store, "--token-file", file, "--urls", "http://0.0.0.0:0");
        server.Http.BaseAddress = new Uri($"http://127.0.0.1:{server.Http.BaseAddress!.Port}");
        (await server.ApiAsync("timers/namespaces", bearer: OwnToken)).Status.ShouldBe(200);
        (await server.ApiAsync("timers/namespaces", bearer: OwnToken + "x")).Status.ShouldBe(401);
        server.Signal(ServerProcess.SigInt);
        (await server.ExitsAsync()).ShouldBe(130);
        (server.Output + server.Error).ShouldNotContain(OwnToken);
    }

    [Fact]
    public async Task Wrong_tokens_leave_a_bounded_trace_in_the_log_with_the_peer_and_nothing_of_the_token()
    {
        await using ServerProcess server = await ServerProcess.StartAsync("--store", Store);
        for (int guess = 0; guess < 3 * WrongTokens.MaxLines; guess++)
        {
            (await server.ApiAsync("timers/namespaces", bearer: $"guessed-token-{guess:000}")).Status.ShouldBe(401);
        }

        (await server.ApiAsync("timers/namespaces")).Status.ShouldBe(200, "who has the token is not held up by those who guess");
        server.Signal(ServerProcess.SigTerm);
        await server.ExitsAsync();
        server.Error.Split("Somebody at 127.0.0.1 sent a wrong token.").Length.ShouldBe(WrongTokens.MaxLines + 1, server.Error);
        server.Error.ShouldNotContain("guessed-token");
    }

    [Fact]
    public async Task SIGTERM_ends_it_within_five_seconds_whoever_waits()
    {
        await using ServerProcess server = await ServerProcess.StartAsync("--store", Store, "--show-payloads");
        Task<(int Status, JsonElement Body)> claim = server.ApiAsync("timers/claim", new { @namespace = "orders", wait = "60s" });
        using HttpResponseMessage stream = await server.SendAsync(HttpMethod.Get, "/latchwork/live?view=overview", bearer: server.Token);
        using var reader = new StreamReader(await stream.Content.ReadAsStreamAsync());
        (await reader.ReadLineAsync())!.ShouldStartWith("data: ");
        await Eventually.ReadsAsync(async () => (await server.ApiAsync("timers/nodes?namespace=orders")).Body.ToString(), nodes => nodes.Contains("listening", StringComparison.Ordinal), "the claim waits");

        long asked = Stopwatch.GetTimestamp();
        server.Signal(ServerProcess.SigTerm);
        (await server.ExitsAsync()).ShouldBe(0, server.Error);
        Stopwatch.GetElapsedTime(asked).ShouldBeLessThan(TimeSpan.FromSeconds(5));
        (await claim).Body.GetProperty("deliveries").GetArrayLength().ShouldBe(0);
    }

    [Theory]
    [InlineData("'--urls' has http://0.0.0.0:5080, which other machines can reach: give a '--token-file'", "--urls", "http://127.0.0.1:5081;http://0.0.0.0:5080")]
    [InlineData("'--urls' has http://*:5080", "--urls", "http://*:5080")]
    [InlineData("'--urls' must begin with http://", "--urls", "https://127.0.0.1:5080")]
    [InlineData("'--urls' must be http://ADDRESS:PORT with localhost, * or an IP address, and a port from 0 to 65535; it is 'http://example.com:5080'", "--urls", "http://example.com:5080")]
    [InlineData("it is 'http://127.1:5080'", "--urls", "http://127.1:5080")]
    [InlineData("it is 'http://127.0.0.1'", "--urls", "http://127.0.0.1")]
    [InlineData("it is 'http://127.0.0.1:65536'", "--urls", "http://127.0.0.1:65536")]
    [InlineData("it is 'http://127.0.0.1:5080/path'", "--urls", "http://127.0.0.1:5080/path")]
    [InlineData("'--urls' is empty", "--urls", ";")]
    [InlineData("'--token-file' cannot be read", "--token-file", "/there/is/none")]
    [InlineData("'--token-file' must hold 16 to 512 characters on one line; '/dev/null' holds 0", "--token-file", "/dev/null")]
    [InlineData("holds more than 512", "--token-file", "/dev/zero")]
    [InlineData("'--store' is empty", "--store", "")]
    [InlineData("has the scheme 'mysql', which is not known", "--store", "mysql://localhost")]
    [InlineData("unknown argument 'serve'; see 'latchwork-server --help'", "serve")]
    public async Task A_wrong_command_line_is_refused_by_name(string message, params string[] args)
    {
        (int exitCode, string output, string error) = await ServerProcess.RunAsync(args);
        exitCode.ShouldBe(2, error);
        error.ShouldStartWith("latchwork-server: ");
        error.ShouldContain(message);
        output.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_help_has_examples_and_an_address_that_is_taken_is_a_failure()
    {
        (int exitCode, string help, _) = await ServerProcess.RunAsync("--help");
        exitCode.ShouldBe(0);
        help.ShouldContain("latchwork-server --store redis://localhost:6379 --read-only");
        string page = await File.ReadAllTextAsync(Docs.PathTo("docs/http.md"));
        foreach (string option in new[] { "--store", "--urls", "--token-file", "--read-only", "--show-payloads" })
        {
            help.ShouldContain(option);
            page.ShouldContain($"| `{option}` |");
        }

        await using ServerProcess first = await ServerProcess.StartAsync("--store", Store);
        (int failed, _, string error) = await ServerProcess.RunAsync("--store", Store, "--urls", first.Http.BaseAddress!.ToString());
        failed.ShouldBe(1, error);
        error.ShouldContain("address already in use");
    }

    private async Task<string> StoreDescriptionAsync()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync(Database);
        return store.Description;
    }

    private static Task<HttpResponseMessage> PostTokenAsync(ServerProcess server, string token, string to) =>
        server.SendAsync(HttpMethod.Post, "/latchwork/login", new FormUrlEncodedContent([new("token", token), new("to", to)]));

    private static async Task<string> LogInAsync(ServerProcess server)
    {
        using HttpResponseMessage answer = await PostTokenAsync(server, server.Token, "./");
        return answer.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
    }
}
