namespace Latchwork.Cli.Demo.Cast;

/// <summary>A node as the demo sees it: a process, or in memory a part of this one. Disposing it has it leave in order.</summary>
internal interface IDemoActor : IAsyncDisposable
{
    string Name { get; }

    bool IsKilled { get; }

    /// <summary>Starts it.</summary>
    /// <returns>A task that ends when it is ready.</returns>
    Task StartAsync(CancellationToken cancellationToken);

    void Tell(DemoOrder order);

    /// <summary>Kills it at once: nobody is told, and nothing that it does comes to its end.</summary>
    /// <returns>A task that ends when it is dead and all that it told before has been heard.</returns>
    Task KillAsync();
}
