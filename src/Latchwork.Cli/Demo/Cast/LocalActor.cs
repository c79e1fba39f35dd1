namespace Latchwork.Cli.Demo.Cast;

/// <summary>A node inside this process, for a store that no other process can see. Its death is a cut: nothing of it reaches the store or us.</summary>
internal sealed class LocalActor : IDemoActor
{
    private readonly SeverableStore _store;
    private readonly IDemoRole _role;
    private readonly Action<DemoReport> _hear;
    private volatile bool _isKilled;
    private int _disposed;

    public LocalActor(Casting casting, LatchworkStore store, Action<DemoReport> hear)
    {
        Name = casting.Name;
        _hear = hear;
        _store = new SeverableStore(store);
        _role = DemoRoles.Create(casting, _store, Pass);
    }

    public string Name { get; }

    public bool IsKilled => _isKilled;

    public Task StartAsync(CancellationToken cancellationToken) => _role.OpenAsync(cancellationToken);

    public void Tell(DemoOrder order) => _role.Hear(order);

    public Task KillAsync()
    {
        _store.Sever();
        _isKilled = true;
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync() => Interlocked.Exchange(ref _disposed, 1) == 0 ? _role.DisposeAsync() : ValueTask.CompletedTask;

    private void Pass(DemoReport report)
    {
        if (!_isKilled) _hear(report);
    }
}
