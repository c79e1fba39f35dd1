namespace Latchwork.Cli.Demo;

/// <summary>One part of the demo: it plays by itself, tells what happens, and says what it looks like at this moment.</summary>
/// <typeparam name="TResult">What comes out of it.</typeparam>
internal interface IDemoAct<TResult>
{
    /// <summary>What it shows, in one line.</summary>
    string Title { get; }

    DemoStory Story { get; }

    /// <summary>What it looks like now. Called from other threads while it plays.</summary>
    DemoPicture Picture();

    /// <summary>Plays.</summary>
    /// <returns>What came out, with its claims checked.</returns>
    Task<TResult> PlayAsync();
}

/// <summary>An act at one moment, however it is drawn.</summary>
/// <param name="Counts">What is counted of each node.</param>
/// <param name="Nodes">The nodes.</param>
/// <param name="Done">How far the act is.</param>
/// <param name="Total">How far it is when it is done.</param>
/// <param name="Progress">What has happened to <paramref name="Done"/> of <paramref name="Total"/>.</param>
internal sealed record DemoPicture(string[] Counts, IReadOnlyList<DemoNode> Nodes, int Done, int Total, string Progress);

/// <summary>A node at one moment.</summary>
/// <param name="Name">Its name.</param>
/// <param name="State">What it does.</param>
/// <param name="IsKilled">Whether it does nothing any more.</param>
/// <param name="Counts">Its counts; null where there is nothing to count.</param>
internal sealed record DemoNode(string Name, string State, bool IsKilled, int?[] Counts);
