using System.Collections.Concurrent;
using System.Diagnostics;
using Latchwork.StoreConformance.Support;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Diagnostics;

/// <summary>What OpenTelemetry makes of it.</summary>
[Collection(TelemetryCollection.Name)]
public sealed class OpenTelemetryTests
{
    private readonly string _ns = $"telemetry-{Guid.NewGuid():N}";

    [Fact]
    public async Task It_exports_spans_and_metrics_with_the_advised_buckets()
    {
        var spans = new ConcurrentQueue<Activity>();
        var buckets = new ConcurrentDictionary<string, double[]>();
        using var reader = new BaseExportingMetricReader(new MetricSink(buckets));
        using var processor = new SimpleActivityExportProcessor(new SpanSink(spans));
        using MeterProvider metrics = Sdk.CreateMeterProviderBuilder().AddMeter(LatchworkTelemetry.MeterName).AddReader(reader).Build();
        using TracerProvider traces = Sdk.CreateTracerProviderBuilder().AddSource(LatchworkTelemetry.ActivitySourceName).AddProcessor(processor).Build();

        await using var store = new InMemoryStore();
        await using var timer = new DistributedTimer(store, new() { Namespace = _ns });
        await timer.JoinAsync((_, _) => Task.CompletedTask);
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.Zero);
        await Eventually.HoldsAsync(() => spans.Any(span => span.OperationName == $"process {_ns}"), "the span of the delivery is exported");
        metrics.ForceFlush().ShouldBeTrue();

        spans.ShouldContain(span => span.OperationName == $"post {_ns}" && span.Recorded);
        buckets["latchwork.timer.lateness"].ShouldBe([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, double.PositiveInfinity]);
        buckets.Keys.ShouldContain("messaging.client.sent.messages");
    }

    private sealed class SpanSink(ConcurrentQueue<Activity> spans) : BaseExporter<Activity>
    {
        public override ExportResult Export(in Batch<Activity> batch)
        {
            foreach (Activity span in batch) spans.Enqueue(span);
            return ExportResult.Success;
        }
    }

    private sealed class MetricSink(ConcurrentDictionary<string, double[]> buckets) : BaseExporter<Metric>
    {
        public override ExportResult Export(in Batch<Metric> batch)
        {
            foreach (Metric metric in batch)
            {
                List<double> bounds = [];
                if (metric.MetricType == MetricType.Histogram)
                {
                    foreach (ref readonly MetricPoint point in metric.GetMetricPoints())
                    {
                        bounds.Clear();
                        foreach (HistogramBucket bucket in point.GetHistogramBuckets()) bounds.Add(bucket.ExplicitBound);
                    }
                }

                buckets[metric.Name] = [.. bounds];
            }

            return ExportResult.Success;
        }
    }
}
