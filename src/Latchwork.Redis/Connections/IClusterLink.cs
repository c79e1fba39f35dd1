namespace Latchwork.Redis.Connections;

/// <summary>What the connection to one member of a cluster asks of the cluster, and tells it. Called on the connection's threads.</summary>
internal interface IClusterLink
{
    /// <summary>Takes a command that this member did not do because of the state of the cluster.</summary>
    /// <param name="command">The command; it is in no line any more.</param>
    /// <param name="error">What the member said.</param>
    /// <returns>Whether the error is of that kind, and the command is the cluster's now.</returns>
    bool TakeRefused(PendingCommand command, string error);

    /// <summary>Takes commands that were not written, because there is no connection.</summary>
    /// <param name="commands">The commands, in their order; they are in no line any more.</param>
    /// <param name="trouble">Why there is no connection.</param>
    void TakeUnsent(IReadOnlyList<PendingCommand> commands, string trouble);

    /// <summary>Tells that a connection to this member stands.</summary>
    void OnConnected();

    /// <summary>Tells that this member no longer sends what comes over a channel.</summary>
    void OnChannelLost(string channel);

    /// <summary>Tells that this member cannot be reached, or does not answer: it may have been replaced.</summary>
    void OnTrouble();
}
