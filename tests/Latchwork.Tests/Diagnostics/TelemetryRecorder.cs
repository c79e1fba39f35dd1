using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Xunit;

namespace Latchwork.Tests.Diagnostics;

/// <summary>Meters and activity sources belong to the process: these tests run one after the other, and look only at their own namespaces.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class TelemetryCollection
{
    public const string Name = "Telemetry";
}

/// <summary>Listens to the meter and the activity source, as an exporter would.</summary>
public sealed class TelemetryRecorder : IDisposable
{
    private readonly MeterListener _meters = new();
    private readonly ActivityListener _activities;
    private readonly ConcurrentQueue<Measured> _measured = new();
    private readonly ConcurrentQueue<Activity> _spans = new();

    public TelemetryRecorder(bool metrics = true, bool spans = true)
    {
        _meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == LatchworkTelemetry.MeterName) listener.EnableMeasurementEvents(instrument);
        };
        _meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => _measured.Enqueue(new Measured(instrument.Name, value, ToDictionary(tags))));
        _meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => _measured.Enqueue(new Measured(instrument.Name, value, ToDictionary(tags))));
        if (metrics) _meters.Start();
        _activities = new ActivityListener
        {
            ShouldListenTo = source => spans && source.Name == LatchworkTelemetry.ActivitySourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _spans.Enqueue,
        };
        ActivitySource.AddActivityListener(_activities);
    }

    public IEnumerable<Measured> All => _measured;

    /// <summary>What an instrument told about a namespace.</summary>
    public IEnumerable<Measured> Of(string instrument, string ns) => _measured.Where(one => one.Instrument == instrument &&
        one.Tags.Any(tag => tag.Key is "messaging.destination.name" or "latchwork.lock.namespace" && ns.Equals(tag.Value)));

    /// <summary>The sum of what an instrument told about a namespace, where a tag has a value.</summary>
    public double Sum(string instrument, string ns, string? tag = null, string? value = null) =>
        Of(instrument, ns).Where(one => tag is null || value!.Equals(one.Tags.GetValueOrDefault(tag))).Sum(one => one.Value);

    /// <summary>The spans of a name, which ends in a namespace.</summary>
    public IReadOnlyList<Activity> Spans(string name) => [.. _spans.Where(span => span.OperationName == name)];

    public void Collect() => _meters.RecordObservableInstruments();

    public void Dispose()
    {
        _meters.Dispose();
        _activities.Dispose();
    }

    private static Dictionary<string, object?> ToDictionary(ReadOnlySpan<KeyValuePair<string, object?>> tags) => new(tags.ToArray());

    public sealed record Measured(string Instrument, double Value, IReadOnlyDictionary<string, object?> Tags);
}
