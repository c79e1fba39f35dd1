using System.Diagnostics.CodeAnalysis;

namespace Latchwork;

/// <summary>The answer to a request: the key is the caller's to process (<see cref="Lease"/>), or it has been done (<see cref="Result"/>).</summary>
public sealed class RequestResult
{
    internal RequestResult(WorkLease lease) => Lease = lease;

    internal RequestResult(LockerResult result) => Result = result;

    /// <summary>Whether the caller is the processor: it has to publish, fail, or dispose the lease.</summary>
    [MemberNotNullWhen(true, nameof(Lease))]
    [MemberNotNullWhen(false, nameof(Result))]
    public bool IsLocked => Lease is not null;

    /// <summary>Whether the result is there.</summary>
    [MemberNotNullWhen(true, nameof(Result))]
    [MemberNotNullWhen(false, nameof(Lease))]
    public bool IsDone => Result is not null;

    /// <summary>The ownership of the key; null if it has been done.</summary>
    public WorkLease? Lease { get; }

    /// <summary>The result; null if the caller is the processor.</summary>
    public LockerResult? Result { get; }
}
