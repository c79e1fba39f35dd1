using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Latchwork.AspNetCore.Tests.Support;
using Latchwork.Security;
using Latchwork.StoreConformance.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Api;

/// <summary>The curl lines of docs/http.md are run as they are written; only the address is another.</summary>
public sealed partial class HttpDocsTests
{
    [Fact]
    public async Task The_curl_lines_of_the_page_do_what_they_say()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        string[] lines = [.. Docs.Blocks(await File.ReadAllTextAsync(Docs.PathTo("docs/http.md")), "bash").SelectMany(block => block.Split('\n')).Where(line => line.StartsWith("curl ", StringComparison.Ordinal))];
        lines.Length.ShouldBeGreaterThanOrEqualTo(8);
        Dictionary<string, JsonElement> answers = [];
        foreach (string line in lines)
        {
            using Process shell = Process.Start(new ProcessStartInfo("/bin/bash", ["-c", $"API={host.Address}/latchwork/api; {line.Replace("curl ", "curl --fail-with-body ", StringComparison.Ordinal)}"]) { RedirectStandardOutput = true })!;
            string answer = await shell.StandardOutput.ReadToEndAsync();
            await shell.WaitForExitAsync();
            shell.ExitCode.ShouldBe(0, $"{line}\n{answer}");
            answers[Path().Match(line).Groups[1].Value] = JsonDocument.Parse(answer).RootElement;
        }

        answers["timers/post"].GetProperty("outcome").GetString().ShouldBe("created");
        answers["timers/claim"].GetProperty("deliveries")[0].GetProperty("data").GetProperty("order").GetInt32().ShouldBe(41);
        answers["timers/event"].GetProperty("state").GetString().ShouldBe("inFlight");
        answers["schedules/next"].GetProperty("times").GetArrayLength().ShouldBe(3);
        answers["locks/request"].GetProperty("status").GetString().ShouldBe("locked");
        answers["locks/key"].GetProperty("isLocked").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public async Task The_page_names_every_endpoint()
    {
        await using ApiHost host = await ApiHost.StartAsync();
        using HttpClient client = new() { BaseAddress = new Uri(host.Address) };
        using JsonDocument document = JsonDocument.Parse(await client.GetStringAsync("/openapi/v1.json"));
        string page = await File.ReadAllTextAsync(Docs.PathTo("docs/http.md"));
        foreach (JsonProperty path in document.RootElement.GetProperty("paths").EnumerateObject())
        {
            page.ShouldContain($"`{path.Name["/latchwork/api/".Length..]}`", Case.Sensitive, path.Name);
        }
    }

    [Fact]
    public async Task The_program_of_the_page_maps_the_API()
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder();
        builder.Configuration["Latchwork:Redis:ConnectionString"] = "redis://localhost:1";
        builder.Services.AddAuthorization(options => options.AddPolicy("operators", policy => policy.RequireRole("operators")));
        builder.Services.AddLatchwork().UseRedis().AddHttpApi(options =>
        {
            options.ChangePolicy = "operators";   // without it the API only reads
            options.PayloadPolicy = "operators";  // without it payloads are hidden outside Development
        });

        var app = builder.Build();
        app.MapLatchworkApi("/latchwork/api").RequireAuthorization();
        ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).ShouldAllBe(endpoint => GuardedEndpoint.HasAccessRule(endpoint.Metadata));
        await app.DisposeAsync();
    }

    [GeneratedRegex(@"\$API/([a-z/-]+)")]
    private static partial Regex Path();
}
