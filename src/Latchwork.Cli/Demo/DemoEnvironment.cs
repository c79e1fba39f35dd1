
namespace Latchwork.Cli.Demo;

/// <summary>Where the demo runs: a store, the nodes, and the ledger of what they report. It also measures stalls.</summary>
internal sealed class DemoEnvironment : IAsyncDisposable
{
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(20);

    private readonly DirectoryInfo? _folder;
    private readonly CancellationTokenSource _stop;
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _measuring;

    private DemoEnvironment(string address, DirectoryInfo? folder, LatchworkStore store, DemoLog log, CancellationToken cancellationToken)
    {
        _folder = folder;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        (Store, Log) = (store, log);
        Nodes = [.. DemoPlan.Nodes.Select(name => new DemoNode(new NodeStart(name, Namespace, address), Ledger.Record, OnNodeLost))];
        _measuring = MeasureStallsAsync();
    }

    /// <summary>The demo's own connection.</summary>
    public LatchworkStore Store { get; }

    /// <summary>A namespace of its own, in whatever store.</summary>
    public string Namespace { get; } = $"latchwork-demo-{Guid.NewGuid():N}";

    public DemoLog Log { get; }

    public Ledger Ledger { get; } = new();

    public IReadOnlyList<DemoNode> Nodes { get; }

    public string[] Living => [.. Nodes.Where(n => !n.IsKilled).Select(n => n.Name)];

    /// <summary>Fires when the user interrupts, or a process dies that was not killed.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>Why it fired, if a process died.</summary>
    public CliException? Loss { get; private set; }

    /// <summary>For how long the machine or the store did not react, at most.</summary>
    public TimeSpan LongestStall { get; private set; }

    /// <summary>Opens a store.</summary>
    /// <param name="address">Its address; null for a database in a new folder, deleted at the end, that only this user may read.</param>
    /// <param name="log">Where to print.</param>
    /// <param name="cancellationToken">Interrupts the demo.</param>
    public static async Task<DemoEnvironment> OpenAsync(string? address, DemoLog log, CancellationToken cancellationToken)
    {
        DirectoryInfo? folder = address is null ? Directory.CreateTempSubdirectory("latchwork-demo-") : null;
        address ??= StoreResolver.AddressOf(Path.Combine(folder!.FullName, "latchwork.db"));
        try
        {
            return new DemoEnvironment(address, folder, await StoreResolver.OpenAsync(address, cancellationToken).ConfigureAwait(false), log, cancellationToken);
        }
        catch
        {
            folder?.Delete(recursive: true);
            throw;
        }
    }

    /// <summary>Waits until the ledger says something.</summary>
    /// <returns>False if it still does not after <see cref="DemoPlan.Timeout"/>.</returns>
    public async Task<bool> WaitAsync(Func<bool> condition)
    {
        for (long start = TimeProvider.System.GetTimestamp(); !Ledger.Read(condition);)
        {
            if (TimeProvider.System.GetElapsedTime(start) > DemoPlan.Timeout) return false;
            await Task.Delay(_pause, TimeProvider.System, Stop).ConfigureAwait(false);
        }

        return true;
    }

    public void TellAll(NodeOrder order)
    {
        foreach (DemoNode node in Nodes.Where(n => !n.IsKilled)) node.Send(order);
    }

    /// <summary>Kills a node and records it.</summary>
    /// <returns>What was done, in words.</returns>
    public async Task<string> KillAsync(string name)
    {
        Ledger.Write(() => Ledger.KilledAt[name] = TimeProvider.System.GetTimestamp());
        await Nodes.First(n => n.Name == name).KillAsync().ConfigureAwait(false);
        return OperatingSystem.IsWindows() ? $"killed {name}" : $"killed {name} (SIGKILL)";
    }

    /// <summary>Lets all nodes leave that live.</summary>
    public Task StopNodesAsync() => Task.WhenAll(Nodes.Select(node => node.DisposeAsync().AsTask()));

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await _measuring.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Store.DisposeAsync().ConfigureAwait(false);
        _folder?.Delete(recursive: true);
        _closing.Dispose();
        _stop.Dispose();
    }

    private void OnNodeLost(CliException loss)
    {
        Loss ??= loss;
        _stop.Cancel();
    }

    // Leases last a second or two: on a machine that stalls for as long, promises about time fail for a reason that is not the library's.
    private async Task MeasureStallsAsync()
    {
        while (true)
        {
            long start = TimeProvider.System.GetTimestamp();
            await Task.Delay(_pause, TimeProvider.System, _closing.Token).ConfigureAwait(false);
            try
            {
                await Store.Timers.NamespacesAsync(_closing.Token).ConfigureAwait(false);
            }
            catch (LatchworkStoreException)
            {
                // The time that it took counts.
            }

            TimeSpan stall = TimeProvider.System.GetElapsedTime(start) - _pause;
            if (stall > LongestStall) LongestStall = stall;
        }
    }
}
