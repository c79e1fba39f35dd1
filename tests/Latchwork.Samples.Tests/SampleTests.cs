using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Samples.Tests;

public sealed class SampleTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lw-samples-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task An_order_that_is_paid_stays_paid_and_one_that_is_not_is_cancelled_by_the_worker()
    {
        await using (SampleProcess patient = await ShopAsync("--PayWithinSeconds", "900"))
        {
            (await patient.Http.PostAsync("/orders/1", null)).StatusCode.ShouldBe(HttpStatusCode.Created);
            (await patient.Http.PostAsync("/orders/1", null)).StatusCode.ShouldBe(HttpStatusCode.Conflict);
            (await patient.Http.PostAsync("/orders/1/payment", null)).StatusCode.ShouldBe(HttpStatusCode.OK);
            (await StateAsync(patient, 1)).ShouldBe("Paid");
            (await patient.Http.PostAsync("/orders/1/payment", null)).StatusCode.ShouldBe(HttpStatusCode.Conflict);
        }

        await using SampleProcess hasty = await ShopAsync("--PayWithinSeconds", "1");
        (await hasty.Http.PostAsync("/orders/2", null)).StatusCode.ShouldBe(HttpStatusCode.Created);
        await using SampleProcess worker = await ShopAsync("--role", "worker", "--telemetry", "console");
        await Eventually.ReadsAsync(() => StateAsync(hasty, 2), static state => state == "Cancelled", "it is cancelled", TimeSpan.FromMinutes(1));
        (await hasty.Http.PostAsync("/orders/2/payment", null)).StatusCode.ShouldBe(HttpStatusCode.Conflict);

        (await worker.Http.GetAsync("/orders/2")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        foreach (SampleProcess process in (SampleProcess[])[hasty, worker])
            await Eventually.ReadsAsync(() => HealthAsync(process), static health => health == "Healthy", "it is healthy", TimeSpan.FromMinutes(1));
        string[] told = ["Order 2 was not paid in time and is cancelled", "process order-unpaid", "latchwork.timer.lateness"];
        await Eventually.HoldsAsync(
            () => told.All(text => worker.Output.Any(line => line.Contains(text, StringComparison.Ordinal))), "log, span and metric are told", TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Two_processes_that_are_asked_for_a_report_compute_it_once()
    {
        await using SampleProcess a = await ShopAsync();
        await using SampleProcess b = await ShopAsync();

        string[] reports = await Task.WhenAll(((SampleProcess[])[a, b, a, b]).Select(one => one.Http.GetStringAsync("/reports/2026-11")));

        reports.ShouldAllBe(report => report.Contains("computedBy", StringComparison.Ordinal));
        reports.Distinct().Count().ShouldBe(1);
        (await b.Http.GetStringAsync("/reports/2026-11")).ShouldBe(reports[0]);
    }

    [Fact]
    public async Task While_the_store_is_down_the_answer_is_503_with_Retry_After_and_afterwards_all_is_as_before()
    {
        await using RedisServer redis = await RedisServer.StartAsync();
        await using SampleProcess shop = await ShopAsync("--Latchwork:Redis:ConnectionString", redis.Uri);
        (await shop.Http.PostAsync("/orders/1", null)).StatusCode.ShouldBe(HttpStatusCode.Created);

        redis.Kill();

        foreach (Func<Task<HttpResponseMessage>> request in (Func<Task<HttpResponseMessage>>[])[() => shop.Http.PostAsync("/orders/2", null), () => shop.Http.GetAsync("/reports/2026-11")])
        {
            using HttpResponseMessage answer = await request();
            string body = await answer.Content.ReadAsStringAsync();
            answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable, body);
            answer.Headers.RetryAfter.ShouldNotBeNull().Delta.ShouldBe(TimeSpan.FromSeconds(5));
            body.ShouldContain("The store of timers and locks does not answer.");
        }

        (await shop.Http.GetAsync("/orders/2")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await HealthAsync(shop)).ShouldBe("Unhealthy");

        await redis.StartAgainAsync();
        await Eventually.ReadsAsync(
            async () => (await shop.Http.PostAsync("/orders/2", null)).StatusCode, static status => status == HttpStatusCode.Created, "it is taken", TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task The_store_shares_the_connection_that_the_application_registered()
    {
        await using RedisServer redis = await RedisServer.StartAsync();
        await using SampleProcess a = await SampleProcess.StartAsync("SharedConnection", "--ConnectionStrings:redis", $"127.0.0.1:{redis.Port}");
        await using SampleProcess b = await SampleProcess.StartAsync("SharedConnection", "--ConnectionStrings:redis", $"127.0.0.1:{redis.Port}");

        string[] rates = await Task.WhenAll(((SampleProcess[])[a, b, a, b]).Select(one => one.Http.GetStringAsync("/rates/EUR")));

        rates.Select(static rate => rate[..rate.IndexOf(';', StringComparison.Ordinal)]).Distinct().ShouldHaveSingleItem();
        rates.Select(static rate => rate[rate.IndexOf(';', StringComparison.Ordinal)..]).Order().ShouldBe([.. Enumerable.Range(1, 4).Select(static i => $"; asked {i} times")]);
    }

    // The processes of one test share the files of its orders and of its timers.
    private Task<SampleProcess> ShopAsync(params string[] arguments) => SampleProcess.StartAsync(
        "Shop", ["--Orders", Path.Combine(_folder.FullName, "orders.db"), "--Timers", Path.Combine(_folder.FullName, "timers.db"), .. arguments]);

    private static async Task<string> HealthAsync(SampleProcess sample)
    {
        using HttpResponseMessage answer = await sample.Http.GetAsync("/health");
        return await answer.Content.ReadAsStringAsync();
    }

    private static async Task<string> StateAsync(SampleProcess sample, int number)
    {
        JsonNode? order = await sample.Http.GetFromJsonAsync<JsonNode>($"/orders/{number}");
        return order!["state"]!.GetValue<string>();
    }
}
