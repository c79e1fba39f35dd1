using Latchwork.Cli.Commands;
using Latchwork.Cli.Demo.Cast;

namespace Latchwork.Cli.Demo;

/// <summary>Where an act plays: its store, and its nodes, which are processes wherever the store can be seen by other processes.</summary>
internal sealed class DemoStage : IAsyncDisposable
{
    private readonly string _address;
    private readonly CancellationTokenSource _stop;
    private readonly List<IDemoActor> _actors = [];
    private CliException? _loss;

    private DemoStage(string address, LatchworkStore store, CancellationToken stop)
    {
        _address = address;
        Store = store;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(stop);
    }

    /// <summary>The demo's own connection.</summary>
    public LatchworkStore Store { get; }

    /// <summary>Fires when the user wants no more, or a process died that was not to die.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>Whether nodes are processes.</summary>
    public bool HasProcesses => !StoreResolver.IsMemory(_address);

    /// <summary>Opens the store.</summary>
    public static async Task<DemoStage> OpenAsync(string address, CancellationToken stop) =>
        new(address, await StoreResolver.OpenAsync(address, stop).ConfigureAwait(false), stop);

    /// <summary>Casts a node, which is started by itself and disposed with the stage.</summary>
    /// <param name="casting">Who it is.</param>
    /// <param name="hear">Told of what it reports.</param>
    public IDemoActor Cast(Casting casting, Action<DemoReport> hear)
    {
        IDemoActor actor = HasProcesses ? new ProcessActor(casting, _address, hear, Lose) : new LocalActor(casting, Store, hear);
        _actors.Add(actor);
        return actor;
    }

    /// <summary>Plays an act. If a process is lost, that is what ends it.</summary>
    public async Task<TResult> PlayAsync<TResult>(Func<Task<TResult>> play)
    {
        try
        {
            return await play().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_loss is { } loss)
        {
            throw new CliException(loss.ExitCode, loss.Message, loss);
        }
    }

    /// <summary>Has all nodes leave in order, those that live. Afterwards all that they did has been reported.</summary>
    public Task ClearAsync() => Task.WhenAll(_actors.Select(actor => actor.DisposeAsync().AsTask()));

    public async ValueTask DisposeAsync()
    {
        await ClearAsync().ConfigureAwait(false);
        await Store.DisposeAsync().ConfigureAwait(false);
        _stop.Dispose();
    }

    private void Lose(CliException loss)
    {
        Interlocked.CompareExchange(ref _loss, loss, null);
        _stop.Cancel();
    }
}
