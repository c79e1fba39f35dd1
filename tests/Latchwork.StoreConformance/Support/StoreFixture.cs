namespace Latchwork.StoreConformance.Support;

/// <summary>
/// Makes stores of one kind for the suites. A store's test project derives it once and shares it between its test classes as an xunit class
/// or collection fixture. Where stores may differ within the contract, they say so here.
/// </summary>
public abstract class StoreFixture
{
    /// <summary>Opens the store. Each test uses a namespace of its own, so stores may share what is behind them.</summary>
    /// <param name="clock">The clock that the store is to go by; null for its own.</param>
    /// <returns>The store; the test disposes it.</returns>
    public abstract Task<LatchworkStore> OpenAsync(TimeProvider? clock);

    /// <summary>Opens the store that namespaces are moved to: of the same kind as a rule, but another place.</summary>
    /// <param name="clock">The clock that the store is to go by; null for its own.</param>
    /// <returns>The store; the test disposes it.</returns>
    public virtual Task<LatchworkStore> OpenTargetAsync(TimeProvider? clock) => throw new NotSupportedException("Nothing can be moved from and to this store.");

    /// <summary>Counts the bytes of outcomes that the store keeps for a namespace of locks; those of small ones may be left out.</summary>
    /// <param name="store">The store.</param>
    /// <param name="ns">The namespace.</param>
    /// <returns>The bytes.</returns>
    public virtual Task<long> OutcomeBytesAsync(LatchworkStore store, string ns) => throw new NotSupportedException("The bytes of this store are not counted.");

    /// <summary>How far the store's time may go back when its clock does, because it does not note every instant.</summary>
    public virtual TimeSpan ClockTolerance => TimeSpan.Zero;

    /// <summary>
    /// Whether looking at a key is enough for the locker store to note the time. If not, a clock that is set back can undo what was only seen:
    /// a lock over its ceiling is one again. The model then leaves out steps back.
    /// </summary>
    public virtual bool LocksNoteTimeWhenSeen => true;

    /// <summary>The partition that suites about one partition use, where the store has several.</summary>
    public virtual int PartitionOfSuites => 0;

    /// <summary>Whether a batch of a move of which one id is taken is refused as a whole; of several partitions each decides for itself.</summary>
    public virtual bool TakesInAllOrNothing => true;

    /// <summary>Whether what is sent after the call to subscribe is decided in the order of the calls, or a request waits for its subscription first.</summary>
    public virtual bool OrdersSubscriptions => true;

    /// <summary>Whether everything is answered while the thread pool is blocked, or renewals alone.</summary>
    public virtual bool AnswersWithoutPool => true;

    /// <summary>How many random sequences the model suite runs: as many as take some ten seconds.</summary>
    public virtual int ModelSequences => 400;

    /// <summary>Suites that do not apply to this store, each with the reason.</summary>
    public virtual IReadOnlyDictionary<Type, string> SkippedSuites { get; } = new Dictionary<Type, string>();
}
