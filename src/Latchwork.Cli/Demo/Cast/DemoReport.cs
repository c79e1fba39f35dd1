using System.Text.Json.Serialization;

namespace Latchwork.Cli.Demo.Cast;

/// <summary>What a node tells the demo, at the moment that it happens: what a killed node did not tell did not happen, or nobody knows.</summary>
/// <remarks>Moments are timestamps of the machine's steady clock, which all its processes share.</remarks>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "did")]
[JsonDerivedType(typeof(Ready), "ready")]
[JsonDerivedType(typeof(EventBegun), "eventBegun")]
[JsonDerivedType(typeof(EventConfirming), "eventConfirming")]
[JsonDerivedType(typeof(EventEnded), "eventEnded")]
[JsonDerivedType(typeof(CallsMade), "callsMade")]
[JsonDerivedType(typeof(CallAnswered), "callAnswered")]
[JsonDerivedType(typeof(RunBegun), "runBegun")]
[JsonDerivedType(typeof(RunEnded), "runEnded")]
internal abstract record DemoReport;

/// <summary>It listens, or knows its store.</summary>
internal sealed record Ready : DemoReport;

/// <summary>A handler was called.</summary>
/// <param name="Id">The event.</param>
/// <param name="Token">The delivery.</param>
/// <param name="Retries">The retries spent, as the delivery says.</param>
/// <param name="LatenessMs">How late it was, as the delivery says: by the store's clock.</param>
/// <param name="At">When.</param>
/// <param name="Payload">What came.</param>
internal sealed record EventBegun(string Id, string Token, int Retries, double LatenessMs, long At, byte[] Payload) : DemoReport;

/// <summary>A confirm is about to be sent.</summary>
internal sealed record EventConfirming(string Id, string Token) : DemoReport;

/// <summary>How an attempt ended.</summary>
internal enum AttemptEnd
{
    /// <summary>The store took the confirm.</summary>
    Confirmed,

    /// <summary>The store refused the confirm.</summary>
    Refused,

    /// <summary>The handler threw, as planned.</summary>
    Failed,

    /// <summary>The handler gave the event up, as planned.</summary>
    Rejected,

    /// <summary>It was stopped, or the store did not answer.</summary>
    Abandoned,
}

/// <summary>A handler has ended.</summary>
/// <param name="Id">The event.</param>
/// <param name="Token">The delivery.</param>
/// <param name="End">How.</param>
/// <param name="HeldAt">The last moment at which the handler saw that the event was its own.</param>
internal sealed record EventEnded(string Id, string Token, AttemptEnd End, long HeldAt) : DemoReport;

/// <summary>All callers of the node have called.</summary>
internal sealed record CallsMade(int Round) : DemoReport;

/// <summary>A caller was answered.</summary>
/// <param name="Key">The key.</param>
/// <param name="Round">1 for those who waited, 2 for those who asked later.</param>
/// <param name="Value">The result, if it was one.</param>
/// <param name="Failure">Kind and message of the shared failure, if it was one.</param>
/// <param name="IsOriginal">Whether the failure carries the very exception that was thrown on this node; null if it carries none.</param>
/// <param name="Problem">What else it was: nothing of the kind should happen.</param>
/// <param name="TimedOut">Whether the problem is that the caller waited too long.</param>
internal sealed record CallAnswered(string Key, int Round, string? Value, string? Failure, bool? IsOriginal, string? Problem, bool TimedOut) : DemoReport;

/// <summary>The work for a key was called.</summary>
internal sealed record RunBegun(string Key, long Token, long At) : DemoReport;

/// <summary>The work for a key has returned or thrown.</summary>
/// <param name="Key">The key.</param>
/// <param name="Token">Its fencing token.</param>
/// <param name="At">When.</param>
/// <param name="HeldAt">The last moment at which the work saw that the key was its own.</param>
/// <param name="Failure">Kind and message of what it threw as planned; null if it returned or was stopped.</param>
/// <param name="LostLease">Whether the key was not its own any more.</param>
/// <param name="WasStopped">Whether it was told to stop, because its lease was lost or nobody waited any longer.</param>
internal sealed record RunEnded(string Key, long Token, long At, long HeldAt, string? Failure, bool LostLease, bool WasStopped) : DemoReport;
