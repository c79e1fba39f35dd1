using Latchwork.Cli.Demo.Locker;
using Latchwork.Cli.Demo.Timers;

namespace Latchwork.Cli.Demo.Cast;

/// <summary>What a node does, wherever it runs. It leaves its store in order when it is disposed.</summary>
internal interface IDemoRole : IAsyncDisposable
{
    /// <summary>Joins in.</summary>
    Task OpenAsync(CancellationToken cancellationToken);

    /// <summary>Takes an order. Returns at once.</summary>
    void Hear(DemoOrder order);
}

/// <summary>Makes roles.</summary>
internal static class DemoRoles
{
    /// <param name="casting">Who it is.</param>
    /// <param name="store">Its store; not disposed with it.</param>
    /// <param name="report">Told of everything that it does, by any thread.</param>
    public static IDemoRole Create(Casting casting, LatchworkStore store, Action<DemoReport> report) => casting.Part switch
    {
        Part.Listener => new ListenerRole(casting, store, report),
        Part.Locker => new LockerRole(casting, store, report),
        _ => throw new ArgumentOutOfRangeException(nameof(casting), casting.Part, null),
    };
}
