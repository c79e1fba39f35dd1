using Latchwork.Server.Access;

namespace Latchwork.Server;

/// <summary>What a command line asks for.</summary>
internal sealed record ServerSettings
{
    /// <summary>The address of the store.</summary>
    public required string Store { get; init; }

    /// <summary>Where the server listens; at least one.</summary>
    public required IReadOnlyList<ListenAddress> Addresses { get; init; }

    /// <summary>What whoever uses the server has to show.</summary>
    public required AccessToken Token { get; init; }

    /// <summary>The token in clear, if it was made for this run and has to be told; else null.</summary>
    public string? GeneratedToken { get; init; }

    /// <summary>Whether nobody may change anything.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>Whether payloads, headers, results and errors are shown.</summary>
    public bool ShowsPayloads { get; init; }
}
