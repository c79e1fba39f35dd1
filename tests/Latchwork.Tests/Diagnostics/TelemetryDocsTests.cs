using System.Diagnostics.Metrics;
using System.Reflection;
using Latchwork.Diagnostics;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Diagnostics;

/// <summary>docs/telemetry.md says what the code does: instruments, kinds, units, and names of attributes.</summary>
[Collection(TelemetryCollection.Name)]
public sealed class TelemetryDocsTests
{
    [Fact]
    public void The_table_of_metrics_lists_the_instruments_and_no_others()
    {
        List<string> code = [];
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name == LatchworkTelemetry.MeterName) code.Add($"{instrument.Name} | {KindOf(instrument)} | {instrument.Unit}");
            },
        };
        Metrics.Sent.Add(0); // makes the instruments, if nobody did before
        listener.Start();

        IEnumerable<string> table = TelemetryDocs.Rows("Metrics").Select(row => $"{row[0]} | {row[1]} | {row[2]}");

        table.Order(StringComparer.Ordinal).ShouldBe(code.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_attribute_is_documented_and_every_documented_one_exists()
    {
        IEnumerable<string> code = typeof(Names).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(field => field.IsLiteral && field.Name != nameof(Names.Latchwork))
            .Select(field => (string)field.GetRawConstantValue()!);

        string[] table = [.. TelemetryDocs.Rows("Attributes").Select(row => row[0])];

        table.Order(StringComparer.Ordinal).ShouldBe(code.Order(StringComparer.Ordinal));
        TelemetryDocs.Rows("Metrics").SelectMany(row => TelemetryDocs.Quoted(row[3])).ShouldAllBe(name => table.Contains(name));
        TelemetryDocs.Rows("Spans").SelectMany(row => TelemetryDocs.Quoted(row[2])).ShouldAllBe(name => table.Contains(name));
    }

    [Fact]
    public void The_buckets_are_those_that_the_histograms_advise()
    {
        string buckets = string.Join(", ", Metrics.Lateness.Advice!.HistogramBucketBoundaries!.Select(bound => bound.ToString(System.Globalization.CultureInfo.InvariantCulture)));

        File.ReadAllText(TelemetryDocs.Document()).ShouldContain($"`{buckets}`");
        foreach (Histogram<double> histogram in (Histogram<double>[])[Metrics.Processing, Metrics.LockWait, Metrics.Run, Metrics.StoreOperation])
        {
            histogram.Advice!.HistogramBucketBoundaries.ShouldBe(Metrics.Lateness.Advice.HistogramBucketBoundaries);
        }
    }

    private static string KindOf(Instrument instrument) => instrument.GetType().Name.Split('`')[0] switch
    {
        nameof(Counter<int>) or nameof(ObservableCounter<int>) => "counter",
        nameof(Histogram<int>) => "histogram",
        nameof(ObservableUpDownCounter<int>) => "up-down counter",
        nameof(ObservableGauge<int>) => "gauge",
        string other => other,
    };
}
