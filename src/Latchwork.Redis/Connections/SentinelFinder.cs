using Microsoft.Extensions.Logging;

namespace Latchwork.Redis.Connections;

/// <summary>What one Sentinel says.</summary>
/// <param name="Primary">The primary; null if it does not know.</param>
/// <param name="Epoch">The number of the failover that made it the primary: of several answers, the one with the highest is right.</param>
/// <param name="Trouble">Why it does not know, or can no longer be asked.</param>
internal readonly record struct SentinelReport(RedisEndpoint? Primary, long Epoch, string? Trouble);

/// <summary>
/// Asks Sentinels for the primary. All of them are watched, because one alone may be cut off together with a primary that is none any more.
/// What one said last is remembered after it is lost, and used only if no other can be asked.
/// </summary>
internal sealed class SentinelFinder : IServerFinder
{
    private readonly object _gate = new();
    private readonly SentinelWatch[] _watches;
    private readonly SentinelReport?[] _reports;
    private readonly string _service;
    private readonly ILogger _logger;
    private RedisEndpoint? _best;
    private bool _started;

    public SentinelFinder(RedisOptions options, ILogger logger)
    {
        _service = options.SentinelService!;
        _logger = logger;
        RedisEndpoint[] sentinels = options.Servers();
        _reports = new SentinelReport?[sentinels.Length];
        _watches = [.. sentinels.Select((sentinel, i) => new SentinelWatch(options, sentinel, report => OnReport(i, report)))];
    }

    public Action<RedisEndpoint>? OnMoved { get; set; }

    public IReadOnlyList<RedisEndpoint> Candidates(long deadline, Func<bool> isGivenUp)
    {
        lock (_gate)
        {
            if (!_started)
            {
                _started = true;
                foreach (SentinelWatch watch in _watches)
                    watch.Start();
            }

            while (_best is null && !isGivenUp() && Environment.TickCount64 < deadline && !Array.TrueForAll(_reports, report => report is not null))
                Monitor.Wait(_gate, 50);
            return _best is not null ? [_best] : throw NobodyKnows();
        }
    }

    public void OnFound(RedisEndpoint endpoint)
    {
        // Only the Sentinels decide.
    }

    public void OnLost()
    {
        foreach (SentinelWatch watch in _watches)
            watch.AskAgain();
    }

    public void Dispose()
    {
        foreach (SentinelWatch watch in _watches)
            watch.BeginClose();
        foreach (SentinelWatch watch in _watches)
            watch.AwaitEnd();
    }

    private void OnReport(int index, SentinelReport report)
    {
        string? trouble = null;
        lock (_gate)
        {
            SentinelReport? before = _reports[index];
            if (report.Trouble is not null && report.Trouble != before?.Trouble)
                trouble = report.Trouble;
            _reports[index] = report.Primary is null && before is not null ? before.Value with { Trouble = report.Trouble } : report;
            Monitor.PulseAll(_gate);
            RedisEndpoint? best = Best();
            if (best is not null && best != _best)
            {
                bool moved = _best is not null;
                _best = best;
                RedisLog.Primary(_logger, _service, best);
                if (moved)
                    OnMoved?.Invoke(best); // Under the lock, so that of two changes the later one is heard last.
            }
        }

        if (trouble is not null)
            RedisLog.SentinelTrouble(_logger, trouble);
    }

    private RedisEndpoint? Best()
    {
        SentinelReport[] known = [.. _reports.OfType<SentinelReport>().Where(report => report.Primary is not null)];
        SentinelReport[] current = Array.FindAll(known, report => report.Trouble is null);
        return (current.Length > 0 ? current : known).OrderByDescending(report => report.Epoch).FirstOrDefault().Primary;
    }

    private LatchworkStoreException NobodyKnows() => new(
        $"No Sentinel knows the primary of '{_service}'. " +
        string.Join(' ', _watches.Select((watch, i) => _reports[i]?.Trouble ?? $"The Sentinel {watch.Sentinel} has not answered yet.")),
        StoreOutcome.NotApplied)
    { IsTransient = true };
}
