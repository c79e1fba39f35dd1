using Latchwork.Testing;

namespace Latchwork.Faults.CheckingTests;

/// <summary>The time of a history that is made up: moved by hand, with operations that are done late on the way. In µs.</summary>
internal sealed class MadeUpTime
{
    private readonly List<(long At, Func<Task> Do)> _later = [];

    /// <summary>The clock of the store.</summary>
    public ManualTimeProvider Clock { get; } = new(DateTimeOffset.UnixEpoch.AddYears(50));

    /// <summary>How much has passed.</summary>
    public long Now { get; private set; }

    /// <summary>Has something done when a time has passed.</summary>
    public void Later(long span, Func<Task> act) => _later.Add((Now + span, act));

    /// <summary>Lets time pass, and has done what falls due on the way, each at its time.</summary>
    public async Task PassAsync(long span)
    {
        long end = Now + span;
        foreach ((long at, Func<Task> act) in _later.Where(later => later.At <= end).OrderBy(later => later.At).ToArray())
        {
            Move(at);
            await act();
        }

        _later.RemoveAll(later => later.At <= end);
        Move(end);
    }

    /// <summary>Goes to a time, if it is yet to come; nothing is done on the way.</summary>
    public void Move(long at)
    {
        if (at <= Now) return;
        Clock.Advance(TimeSpan.FromMicroseconds(at - Now));
        Now = at;
    }
}
