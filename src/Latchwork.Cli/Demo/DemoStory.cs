using System.Collections.Concurrent;

namespace Latchwork.Cli.Demo;

/// <summary>A thing that happened, for the people who watch.</summary>
/// <param name="At">When, since the act began.</param>
/// <param name="Text">What.</param>
internal readonly record struct DemoMoment(TimeSpan At, string Text);

/// <summary>What happened in an act so far, on the act's own clock. Safe for use by many threads.</summary>
internal sealed class DemoStory
{
    private readonly ConcurrentQueue<DemoMoment> _moments = new();
    private readonly long _started;

    /// <summary>Begins a story: its clock starts now.</summary>
    public DemoStory(TimeProvider time)
    {
        Time = time;
        _started = time.GetTimestamp();
    }

    /// <summary>Told of everything that <see cref="Say"/> is told.</summary>
    public event Action<DemoMoment>? Happened;

    public TimeProvider Time { get; }

    public TimeSpan Elapsed => Time.GetElapsedTime(_started);

    /// <summary>When a timestamp was, since the act began.</summary>
    public TimeSpan At(long timestamp) => Time.GetElapsedTime(_started, timestamp);

    public IReadOnlyCollection<DemoMoment> Moments => _moments;

    public void Say(string text)
    {
        var moment = new DemoMoment(Elapsed, text);
        _moments.Enqueue(moment);
        Happened?.Invoke(moment);
    }
}
