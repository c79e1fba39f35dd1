using Latchwork.Storage;

namespace Latchwork.Testing;

/// <summary>What happened in a test, in order.</summary>
internal sealed class TestJournal(TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly List<TestPost> _posts = [];
    private readonly List<TestDelivery> _deliveries = [];
    private readonly List<LockerKey> _grants = [];

    public IReadOnlyList<TestPost> Posts
    {
        get
        {
            lock (_gate) return [.. _posts];
        }
    }

    public IReadOnlyList<TestDelivery> Deliveries
    {
        get
        {
            lock (_gate) return [.. _deliveries];
        }
    }

    public void Posted(string ns, IReadOnlyList<TimerEntry> entries, IReadOnlyList<PostOutcome> outcomes)
    {
        DateTimeOffset now = clock.GetUtcNow();
        lock (_gate)
        {
            for (int i = 0; i < entries.Count; i++)
            {
                TimerEntry entry = entries[i];
                DateTimeOffset due = entry.Due.IsAbsolute ? DateTimeOffset.UnixEpoch + entry.Due.Value : now + entry.Due.Value;
                _posts.Add(new TestPost(ns, entry.Id, due, entry.Payload.ToArray(), entry.MaxRetries, outcomes[i]));
            }
        }
    }

    public void Delivered(TestDelivery delivery)
    {
        lock (_gate) _deliveries.Add(delivery);
    }

    public void Granted(LockerKey key)
    {
        lock (_gate) _grants.Add(key);
    }

    public int GrantsOf(string ns, string key)
    {
        lock (_gate) return _grants.Count(one => one == new LockerKey(ns, key));
    }
}

/// <summary>A post, as the store saw it.</summary>
/// <param name="Namespace">The namespace.</param>
/// <param name="Id">The event's id.</param>
/// <param name="Due">When it is due.</param>
/// <param name="Payload">Its bytes.</param>
/// <param name="MaxRetries">The attempts after the first.</param>
/// <param name="Outcome">What the post did.</param>
public sealed record TestPost(string Namespace, string Id, DateTimeOffset Due, ReadOnlyMemory<byte> Payload, int MaxRetries, PostOutcome Outcome);

/// <summary>A call of a handler.</summary>
/// <param name="Namespace">The namespace.</param>
/// <param name="Id">The event's id.</param>
/// <param name="At">When the handler was called.</param>
/// <param name="Retries">The retries spent before: 0 on the first.</param>
/// <param name="Error">What the handler threw; null if it returned. An event that could not be read has the reason here.</param>
public sealed record TestDelivery(string Namespace, string Id, DateTimeOffset At, int Retries, Exception? Error);

/// <summary>What a test expected did not happen.</summary>
public sealed class LatchworkAssertionException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was expected, and what happened.</param>
    public LatchworkAssertionException(string message)
        : base(message)
    {
    }
}
