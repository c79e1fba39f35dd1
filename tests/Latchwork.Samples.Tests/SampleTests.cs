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
    public async Task An_order_that_is_paid_stays_paid_and_one_that_is_not_is_cancelled()
    {
        string database = Path.Combine(_folder.FullName, "orders.db");
        await using (SampleProcess patient = await SampleProcess.StartAsync("OrderDeadline", "--Database", database, "--PayWithinSeconds", "900"))
        {
            (await patient.Http.PostAsync("/orders/1", null)).StatusCode.ShouldBe(HttpStatusCode.Created);
            (await patient.Http.PostAsync("/orders/1/payment", null)).StatusCode.ShouldBe(HttpStatusCode.OK);
            (await StateAsync(patient, 1)).ShouldBe("Paid");
            (await patient.Http.PostAsync("/orders/1/payment", null)).StatusCode.ShouldBe(HttpStatusCode.Conflict);
            await Eventually.ReadsAsync(
                () => patient.Http.GetStringAsync("/health").ContinueWith(static health => health.IsCompletedSuccessfully ? health.Result : "", TaskScheduler.Default),
                static health => health == "Healthy",
                "it is healthy",
                TimeSpan.FromMinutes(1));
        }

        await using SampleProcess hasty = await SampleProcess.StartAsync("OrderDeadline", "--Database", database, "--PayWithinSeconds", "1");
        (await hasty.Http.PostAsync("/orders/2", null)).StatusCode.ShouldBe(HttpStatusCode.Created);
        await Eventually.ReadsAsync(() => StateAsync(hasty, 2), static state => state == "Cancelled", "it is cancelled", TimeSpan.FromMinutes(1));
        (await hasty.Http.PostAsync("/orders/2/payment", null)).StatusCode.ShouldBe(HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task Two_processes_that_are_asked_for_a_report_compute_it_once()
    {
        string database = Path.Combine(_folder.FullName, "reports.db");
        await using SampleProcess a = await SampleProcess.StartAsync("ReportOnce", "--Database", database, "--ComputeSeconds", "0.5");
        await using SampleProcess b = await SampleProcess.StartAsync("ReportOnce", "--Database", database, "--ComputeSeconds", "0.5");

        string[] reports = await Task.WhenAll(((SampleProcess[])[a, b, a, b]).Select(one => one.Http.GetStringAsync("/reports/2026-11")));

        reports.Distinct().Count().ShouldBe(1);
        (await b.Http.GetStringAsync("/reports/2026-11")).ShouldBe(reports[0]);
        await Eventually.HoldsAsync(() => Computed() >= 1, "the log is read");
        Computed().ShouldBe(1);

        int Computed() => a.Output.Concat(b.Output).Count(line => line.Contains("Computing the report of 2026-11", StringComparison.Ordinal));
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

    private static async Task<string> StateAsync(SampleProcess sample, int number)
    {
        JsonNode? order = await sample.Http.GetFromJsonAsync<JsonNode>($"/orders/{number}");
        return order!["state"]!.GetValue<string>();
    }
}
