namespace Latchwork.Redis.Maintenance;

/// <summary>
/// What this process has used and the server knows nothing of any more: it came back without its data, or somebody flushed it. Nobody else would say so: to
/// the server, an empty database is a good one.
/// </summary>
internal sealed class LossMonitor(ILogger logger, TimeProvider time)
{
    /// <summary>The code of the warning.</summary>
    public const string Code = "data-lost";

    /// <summary>How long checks tell of a loss.</summary>
    public static readonly TimeSpan Retention = TimeSpan.FromDays(1);

    /// <summary>The most namespaces that are remembered; of more the latest.</summary>
    public const int MaxRemembered = 16;

    private readonly Lock _gate = new();
    private readonly List<(string Namespace, DateTimeOffset At)> _losses = [];

    /// <summary>A timer namespace that this process has opened turned out to be new.</summary>
    public void OnLost(string ns)
    {
        lock (_gate)
        {
            _losses.RemoveAll(loss => loss.Namespace == ns);
            if (_losses.Count == MaxRemembered) _losses.RemoveAt(0);
            _losses.Add((ns, time.GetUtcNow()));
        }

        RedisLog.DataLost(logger, ns);
    }

    /// <summary>The losses of the last day, the earliest first.</summary>
    public List<StoreWarning> Warnings()
    {
        DateTimeOffset now = time.GetUtcNow();
        lock (_gate)
        {
            _losses.RemoveAll(loss => now - loss.At >= Retention);
            return _losses.ConvertAll(static loss => new StoreWarning(
                Code,
                $"The server had nothing of the timer namespace '{loss.Namespace}' any more when it was used at {loss.At:u}: what was posted before is lost. It was restarted without its data or flushed, or the namespace was dropped."));
        }
    }
}
