using System.Collections.Concurrent;
using System.Diagnostics;
using Latchwork.AspNetCore.Tests.Support;
using Latchwork.StoreConformance.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Api;

/// <summary>The listeners of samples/http-listeners, against a real server. Where a runtime is missing its test says so and does nothing.</summary>
public sealed class HttpListenerTests(Xunit.Abstractions.ITestOutputHelper output)
{
    [Theory]
    [InlineData("node", "listener.mjs")]
    [InlineData("python3", "listener.py")]
    public async Task A_listener_handles_what_comes_and_when_it_is_killed_another_takes_over(string runtime, string script)
    {
        if (!IsInstalled(runtime))
        {
            output.WriteLine($"SKIPPED: '{runtime}' is not installed.");
            return;
        }

        await using ApiHost host = await ApiHost.StartAsync();
        ConcurrentQueue<string> heard = new();
        using Process first = Start(runtime, script, host.Address, heard);
        await host.DoAsync("timers/post", new { @namespace = "ns", id = "a/b ⏰", delay = "50ms", data = new { n = 1 } });
        await Eventually.HoldsAsync(() => heard.Any(line => line.StartsWith("a/b ⏰ ", StringComparison.Ordinal) && line.Contains("retries=0", StringComparison.Ordinal)), "it is handled");
        await RestsAsync(host);

        // Killed while it waits: what comes now is not lost with it.
        first.Kill();
        await first.WaitForExitAsync();
        await host.DoAsync("timers/post", new { @namespace = "ns", id = "second", data = 2, maxRetries = 5 });
        using Process next = Start(runtime, script, host.Address, heard);
        await Eventually.HoldsAsync(() => heard.Any(line => line.StartsWith("second ", StringComparison.Ordinal)), "another handles it");
        await RestsAsync(host);
        next.Kill();
        await next.WaitForExitAsync();
    }

    [Theory]
    [InlineData("node", "listener.mjs")]
    [InlineData("python3", "listener.py")]
    public async Task A_listener_goes_on_after_answers_that_are_broken(string runtime, string script)
    {
        if (!IsInstalled(runtime))
        {
            output.WriteLine($"SKIPPED: '{runtime}' is not installed.");
            return;
        }

        // Without a rule it answers to nothing that a proxy passes on.
        await using ApiHost host = await ApiHost.StartAsync(map: app => app.MapLatchworkApi("/latchwork/api").AllowAnonymous());
        ConcurrentQueue<Func<HttpContext, Task>> broken = new([
            context => context.Response.WriteAsync("<html>The server is being updated.</html>"),
            context => context.Response.WriteAsync("""{"deliveries":null}"""),
            async context =>
            {
                context.Response.ContentLength = 500;
                await context.Response.WriteAsync("""{"token":"x","deliveries":[{"id":""");
                await context.Response.Body.FlushAsync();
                context.Abort();
            },
            context =>
            {
                context.Abort();
                return Task.CompletedTask;
            },
        ]);
        await using ReverseProxy proxy = await ReverseProxy.StartAsync(host.Address, answers: async context =>
        {
            if (!context.Request.Path.Value!.EndsWith("/claim", StringComparison.Ordinal) || !broken.TryDequeue(out Func<HttpContext, Task>? answer)) return false;
            await answer(context);
            return true;
        });
        ConcurrentQueue<string> heard = new();
        using Process listener = Start(runtime, script, proxy.Address, heard);
        await host.DoAsync("timers/post", new { @namespace = "ns", id = "x", data = 1 });
        await Eventually.HoldsAsync(() => listener.HasExited || heard.Any(line => line.StartsWith("x ", StringComparison.Ordinal)), "it is handled in the end");
        listener.HasExited.ShouldBeFalse("it goes on");
        broken.ShouldBeEmpty();
        await RestsAsync(host);
        listener.Kill();
        await listener.WaitForExitAsync();
    }

    private static async Task RestsAsync(ApiHost host) => await Eventually.ReadsAsync(
        async () => (await host.GetAsync("timers/stats", ("namespace", "ns"))).Body,
        stats => stats.GetProperty("scheduled").GetInt32() == 0 && stats.GetProperty("inFlight").GetInt32() == 0,
        "all is confirmed");

    private static Process Start(string runtime, string script, string address, ConcurrentQueue<string> heard)
    {
        ProcessStartInfo start = new(runtime) { RedirectStandardOutput = true, StandardOutputEncoding = System.Text.Encoding.UTF8 };
        start.ArgumentList.Add(Docs.PathTo($"samples/http-listeners/{script}"));
        start.ArgumentList.Add($"{address}/latchwork/api");
        start.ArgumentList.Add("ns");
        start.Environment["PYTHONIOENCODING"] = "utf-8";
        Process process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is { } text) heard.Enqueue(text);
        };
        process.BeginOutputReadLine();
        return process;
    }

    private static bool IsInstalled(string runtime) => Environment.GetEnvironmentVariable("PATH")!.Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, runtime)));
}
