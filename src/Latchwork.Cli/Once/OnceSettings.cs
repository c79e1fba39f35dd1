namespace Latchwork.Cli.Once;

/// <summary>What <c>once</c> is to do.</summary>
internal sealed record OnceSettings
{
    public required string Key { get; init; }

    /// <summary>The program and its arguments.</summary>
    public required string[] Words { get; init; }

    /// <summary>The bytes of <see cref="Words"/>, if not all of them are UTF-8.</summary>
    public byte[][]? RawWords { get; init; }

    /// <summary>How long to wait for a machine that runs the command.</summary>
    public required TimeSpan Wait { get; init; }

    /// <summary>Whether a command that fails gives its turn to the next one, instead of sharing its failure.</summary>
    public bool RetryFailures { get; init; }

    /// <summary>The most bytes of output.</summary>
    public required int MaxOutput { get; init; }
}
