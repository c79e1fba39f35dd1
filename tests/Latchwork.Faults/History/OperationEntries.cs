namespace Latchwork.Faults.History;

/// <summary>What is done. Which of the two levels records it: those of the API are recorded by the worker, those of the store by <see cref="RecordingStore"/>.</summary>
public enum Verb
{
    /// <summary>API: a post, or one element of a batch.</summary>
    Post,

    /// <summary>API: a cancel that leaves what is in flight.</summary>
    Cancel,

    /// <summary>API: a cancel that takes also what is in flight.</summary>
    Revoke,

    /// <summary>API.</summary>
    ChangeDelay,

    /// <summary>API: of one dead letter.</summary>
    Requeue,

    /// <summary>API: of one dead letter.</summary>
    Purge,

    /// <summary>API: a look at one id.</summary>
    Peek,

    /// <summary>API: a call on a delivery or by token that ends it (the store's part is recorded besides).</summary>
    Settle,

    /// <summary>Store: a claim; what it returned are <see cref="EventClaimed"/>.</summary>
    Claim,

    /// <summary>Store: one element of a batch.</summary>
    Confirm,

    /// <summary>Store: one element of a batch.</summary>
    Extend,

    /// <summary>Store: one element of a batch: handed back.</summary>
    Release,

    /// <summary>Store: one element of a batch: a retry is spent, or it dies.</summary>
    Fail,

    /// <summary>Store: one element of a batch: a handler was interrupted; nine times handed back, then as a failure.</summary>
    Interrupt,

    /// <summary>The harness: what the store keeps of the event is deleted or spoiled.</summary>
    Damage,

    /// <summary>API: <c>RunOnceAsync</c>.</summary>
    RunOnce,

    /// <summary>API: <c>RequestAsync</c>.</summary>
    Request,

    /// <summary>API: <c>AcquireAsync</c>.</summary>
    Acquire,

    /// <summary>API: <c>TryGetAsync</c>.</summary>
    TryGet,

    /// <summary>Store: a request for a lock, or for the outcome in its place.</summary>
    LockRequest,

    /// <summary>Store.</summary>
    LockRenew,

    /// <summary>Store: a value or a failure.</summary>
    LockPublish,

    /// <summary>Store.</summary>
    LockRelease,

    /// <summary>Store.</summary>
    LockForget,

    /// <summary>Store: reads the fresh outcome.</summary>
    LockRead,
}

/// <summary>How an operation ended.</summary>
public enum Ending
{
    /// <summary>It was answered: see <see cref="OperationEnded.Outcome"/>.</summary>
    Answered,

    /// <summary>It is known that nothing was changed.</summary>
    Refused,

    /// <summary>It may have been done, or be done later.</summary>
    Unknown,

    /// <summary>It was done, but too few replicas have it.</summary>
    NotReplicated,

    /// <summary>Its caller gave up: it may have been done, or be done later.</summary>
    Cancelled,

    /// <summary>A wait took longer than its caller wanted (<see cref="LockTimeoutException"/>).</summary>
    TimedOut,

    /// <summary>A run failed, and the failure was shared (<see cref="RunFailedException"/>).</summary>
    RunFailed,
}

/// <summary>An operation begins; written before it is sent.</summary>
/// <param name="At">When.</param>
/// <param name="Op">Its number, unique in the process. A batch has one for each element.</param>
/// <param name="Verb">What.</param>
/// <param name="Ns">The namespace of the timers or locks.</param>
/// <param name="Id">The event's id or the key; null for a claim.</param>
public sealed record OperationStarted(long At, long Op, Verb Verb, string Ns, string? Id) : HistoryEntry(At)
{
    /// <summary>Post: what makes this post unlike any other of the run; see <see cref="EventVersion"/>.</summary>
    public string? Version { get; init; }

    /// <summary>Post, change of delay, requeue, fail: the delay from now. A fail without one gives up immediately.</summary>
    public long? Delay { get; init; }

    /// <summary>In the place of a delay: µs since 1970 by the store's clock.</summary>
    public long? DueAt { get; init; }

    /// <summary>Post.</summary>
    public IfExists? IfExists { get; init; }

    /// <summary>Post.</summary>
    public int? MaxRetries { get; init; }

    /// <summary>Post: the earlier element of the same batch with the same id; it takes effect before this one.</summary>
    public long? After { get; init; }

    /// <summary>Claim, confirm, extend, release, fail, settle: the delivery's token. Locks: the owner's nonce.</summary>
    public string? Token { get; init; }

    /// <summary>Post, confirm: whether it was a part of a transaction of the application, with a row beside it.</summary>
    public bool? InTransaction { get; init; }

    /// <summary>Claim, extend, lock request, renewal: the length of the lease.</summary>
    public long? Lease { get; init; }

    /// <summary>Lock request: the longest that the ownership can last, renewed or not.</summary>
    public long? Ceiling { get; init; }

    /// <summary>Locks: the fencing token that is renewed, published, released.</summary>
    public long? FencingToken { get; init; }

    /// <summary>Publication: what; see <see cref="LockValue"/>.</summary>
    public string? Value { get; init; }

    /// <summary>Publication: how long it is given to requests that begin later.</summary>
    public long? FreshFor { get; init; }

    /// <summary>Lock request: only the lock itself will do.</summary>
    public bool? LockOnly { get; init; }

    /// <summary>Lock request: the fencing token that it waits for.</summary>
    public long? WaitingFor { get; init; }

    /// <summary>Waits: the time after which the caller is to be told that it took too long.</summary>
    public long? Bound { get; init; }
}

/// <summary>An operation ended; written after its answer is known.</summary>
/// <param name="At">When.</param>
/// <param name="Op">Its number.</param>
/// <param name="Ending">How.</param>
public sealed record OperationEnded(long At, long Op, Ending Ending) : HistoryEntry(At)
{
    /// <summary>Answered: the enum's name (Created, Done, Stale, …); a peek: the state or Absent; a request: Granted, Held, Outcome, Absent; a renewal, release, forgetting: True or False.</summary>
    public string? Outcome { get; init; }

    /// <summary>The exception's text.</summary>
    public string? Error { get; init; }

    /// <summary>Peek: the version.</summary>
    public string? Version { get; init; }

    /// <summary>Peek: the retries.</summary>
    public int? Retries { get; init; }

    /// <summary>Locks: the fencing token of the grant, of the other's lock, or of the outcome.</summary>
    public long? FencingToken { get; init; }

    /// <summary>Locks: the outcome; see <see cref="LockValue"/>.</summary>
    public string? Value { get; init; }

    /// <summary>Grant: whether it was taken from an owner whose lease had run out.</summary>
    public bool? TakenOver { get; init; }
}

/// <summary>An event came with a claim. Written after the claim's answer and before anybody sees the event, and before the claim's end.</summary>
/// <param name="At">When.</param>
/// <param name="Op">The claim's number.</param>
/// <param name="Ns">The namespace.</param>
/// <param name="Id">The event's id.</param>
/// <param name="Token">The claim's token, and the delivery's.</param>
/// <param name="Version">What the payload says.</param>
/// <param name="Retries">As told.</param>
/// <param name="MaxRetries">As told.</param>
/// <param name="Lateness">As told: by the store's clock.</param>
/// <param name="SentAt">When the claim began.</param>
/// <param name="Lease">The length of its lease.</param>
public sealed record EventClaimed(
    long At, long Op, string Ns, string Id, string Token, string Version, int Retries, int MaxRetries, long Lateness, long SentAt, long Lease)
    : HistoryEntry(At);
