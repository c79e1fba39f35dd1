using System.Diagnostics;
using System.Reflection;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Diagnostics;

/// <summary>Spans, and the context of a trace in the headers of an event.</summary>
internal static class Tracing
{
    private static readonly DistributedContextPropagator.PropagatorSetterCallback _set =
        static (carrier, name, value) => ((Dictionary<string, string>)carrier!).TryAdd(name, value);

    private static readonly DistributedContextPropagator.PropagatorGetterCallback _get =
        static (object? carrier, string name, out string? value, out IEnumerable<string>? values) =>
        {
            values = null;
            value = ((IReadOnlyDictionary<string, string>)carrier!).GetValueOrDefault(name);
        };

    /// <summary>The version of this library, for whoever reads spans and metrics.</summary>
    public static string Version { get; } =
        typeof(Tracing).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";

    public static ActivitySource Source { get; } = new(LatchworkTelemetry.ActivitySourceName, Version);

    /// <summary>Begins the span of a post; null if nobody wants it.</summary>
    public static Activity? StartPost(string ns)
    {
        Activity? activity = Start($"post {ns}", ActivityKind.Producer);
        if (activity is { IsAllDataRequested: true }) Describe(activity, ns, "post", "send");
        return activity;
    }

    /// <summary>
    /// Puts the context of the current trace into the headers of an event: that of its span, or of whatever surrounds it if that was not
    /// sampled. Headers that the caller gave stay as they are, and what does not fit is left out.
    /// </summary>
    public static TimerEntry Inject(TimerEntry entry)
    {
        if (Activity.Current is not { } current) return entry;
        var headers = new Dictionary<string, string>(StringComparer.Ordinal);
        DistributedContextPropagator.Current.Inject(current, headers, _set);
        if (headers.Count == 0) return entry;
        if (entry.Headers is not null)
        {
            // The caller gave a context of its own: two halves of different ones would make none.
            if (headers.Keys.Any(entry.Headers.ContainsKey)) return entry;
            foreach ((string name, string value) in entry.Headers) headers[name] = value;
        }

        return HeaderSize.Fits(headers) ? entry with { Headers = headers } : entry;
    }

    /// <summary>Begins the span of a delivery's handling: a trace of its own, as it may come days after the post, linked to the post.</summary>
    public static Activity? StartProcess(string ns, string id, int retries, IReadOnlyDictionary<string, string> headers)
    {
        if (!Source.HasListeners()) return null;
        ActivityLink[] links = [];
        if (headers.Count > 0)
        {
            DistributedContextPropagator.Current.ExtractTraceIdAndState(headers, _get, out string? parent, out string? state);
            if (ActivityContext.TryParse(parent, state, isRemote: true, out ActivityContext post)) links = [new ActivityLink(post)];
        }

        Activity? activity = Start($"process {ns}", ActivityKind.Consumer, links: links);
        if (activity is { IsAllDataRequested: true })
        {
            Describe(activity, ns, "process", "process");
            activity.SetTag(Names.MessageId, id);
            if (retries > 0) activity.SetTag(Names.Retries, retries);
        }

        return activity;
    }

    /// <summary>Begins the span of a caller that waits for a key.</summary>
    public static Activity? StartWait(string ns)
    {
        Activity? activity = Start($"wait {ns}", ActivityKind.Internal);
        activity?.SetTag(Names.LockNamespace, ns);
        return activity;
    }

    /// <summary>Begins the span of the work for a key, as a child of the caller's whose work it is.</summary>
    public static Activity? StartRun(string ns, long fencingToken, ActivityContext caller)
    {
        Activity? activity = Start($"run {ns}", ActivityKind.Internal, caller);
        if (activity is { IsAllDataRequested: true })
        {
            activity.SetTag(Names.LockNamespace, ns);
            activity.SetTag(Names.FencingToken, fencingToken);
        }

        return activity;
    }

    /// <summary>Ends a span with a block of code, whatever its listeners do.</summary>
    public static SpanEnd EndWithBlock(this Activity? activity) => new(activity);

    /// <summary>Ends a span as a failure. A cancellation is none.</summary>
    public static void Fail(this Activity activity, Exception exception)
    {
        if (exception is OperationCanceledException) return;
        activity.SetTag(Names.ErrorType, Names.OfError(exception));
        activity.SetStatus(ActivityStatusCode.Error, Listeners.MessageOf(exception));
    }

    private static Activity? Start(string name, ActivityKind kind, ActivityContext parent = default, ActivityLink[]? links = null)
    {
        try
        {
            return Source.StartActivity(name, kind, parent, tags: null, links);
        }
        catch (Exception)
        {
            return null; // a listener threw
        }
    }

    private static void Describe(Activity activity, string ns, string operation, string type)
    {
        activity.SetTag(Names.System, Names.Latchwork);
        activity.SetTag(Names.Destination, ns);
        activity.SetTag(Names.OperationName, operation);
        activity.SetTag(Names.OperationType, type);
    }
}

/// <summary>The end of a span: see <see cref="Tracing.EndWithBlock"/>.</summary>
internal readonly struct SpanEnd(Activity? activity) : IDisposable
{
    public void Dispose()
    {
        if (activity is not null) Listeners.Tell(activity, static one => one.Dispose());
    }
}
