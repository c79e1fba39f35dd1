namespace Latchwork.Storage.Rules;

/// <summary>What a store keeps of one key: the lock and the last outcome, two independent parts, and the fencing token. Times are µs.</summary>
internal sealed record LockState
{
    /// <summary>The lock, if somebody has it.</summary>
    public Held? Lock { get; init; }

    /// <summary>The last outcome, if there is one.</summary>
    public Ending? Outcome { get; init; }

    /// <summary>The fencing token of the last accepted publication, by which a repeated one is known; 0 if there was none.</summary>
    public long PublishedFencingToken { get; init; }

    /// <summary>The nonce of the last accepted publication.</summary>
    public required string PublishedNonce { get; init; }

    /// <summary>The highest fencing token ever given.</summary>
    public long FencingToken { get; init; }

    /// <summary>Until when the fencing token is to be kept, whatever else is in the record.</summary>
    public long KeepUntil { get; init; }

    /// <summary>From when on nothing in the record matters any more, if nobody touches it until then.</summary>
    public long GarbageFrom
    {
        get
        {
            long from = KeepUntil;
            if (Lock is { } held) from = Math.Max(from, held.Started + 2 * held.LockTimeout); // freed at its ceiling, then kept
            if (Outcome is { } outcome) from = Math.Max(from, outcome.UsableUntil);
            return from;
        }
    }

    /// <summary>Who has the lock.</summary>
    /// <param name="NodeId">The owner.</param>
    /// <param name="Nonce">The owner's nonce.</param>
    /// <param name="Started">Since when.</param>
    /// <param name="LockTimeout">How long at most.</param>
    /// <param name="TakenOver">Whether it was taken from an owner whose lease had run out.</param>
    /// <param name="Lease">The length of the lease, as last asked for.</param>
    /// <param name="Deadline">The end of the lease.</param>
    internal sealed record Held(string NodeId, string Nonce, long Started, long LockTimeout, bool TakenOver, long Lease, long Deadline);

    /// <summary>How the last run ended.</summary>
    /// <param name="FencingToken">Its fencing token.</param>
    /// <param name="Kind">What the bytes are.</param>
    /// <param name="Data">The bytes; null if the store keeps them apart from the record.</param>
    /// <param name="PublishedAt">When.</param>
    /// <param name="FreshFor">For how long it serves those who ask later.</param>
    /// <param name="HandOverFor">For how long it serves those who waited.</param>
    internal sealed record Ending(long FencingToken, LockerOutcomeKind Kind, byte[]? Data, long PublishedAt, long FreshFor, long HandOverFor)
    {
        /// <summary>From then on nobody can ask for it any more.</summary>
        public long UsableUntil => PublishedAt + Math.Max(FreshFor, HandOverFor);
    }
}
