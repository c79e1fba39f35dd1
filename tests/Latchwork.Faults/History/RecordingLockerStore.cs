using System.Text;
using Latchwork.Storage;

namespace Latchwork.Faults.History;

/// <summary>Records every call on a lock; looks and subscriptions pass through.</summary>
internal sealed class RecordingLockerStore(ILockerStore inner, HistoryWriter history) : PassingLockerStore(inner)
{
    public override Task<LockerReply> RequestAsync(LockerKey key, LockerRequest request, CancellationToken cancellationToken) =>
        history.RecordAsync(
            Verb.LockRequest,
            key.Namespace,
            key.Key,
            start => start with
            {
                Token = request.Nonce,
                Lease = MonotonicTime.Of(request.LeaseDuration),
                Ceiling = MonotonicTime.Of(request.LockTimeout),
                LockOnly = request.LockOnly ? true : null,
                WaitingFor = request.WaitingFor,
            },
            () => base.RequestAsync(key, request, cancellationToken),
            (end, reply) => reply switch
            {
                LockGranted granted => end with { Outcome = "Granted", FencingToken = granted.FencingToken, TakenOver = granted.TakenOver },
                LockHeld held => end with { Outcome = "Held", FencingToken = held.FencingToken },
                LockerOutcome outcome => end with { Outcome = "Outcome", FencingToken = outcome.FencingToken, Value = ValueOf(outcome.Kind, outcome.Data.Span) },
                _ => throw new InvalidOperationException($"A locker store answered {reply.GetType().Name}."),
            });

    public override Task<bool> RenewAsync(LockerKey key, long fencingToken, string nonce, TimeSpan lease, CancellationToken cancellationToken) =>
        history.RecordAsync(
            Verb.LockRenew,
            key.Namespace,
            key.Key,
            start => start with { Token = nonce, FencingToken = fencingToken, Lease = MonotonicTime.Of(lease) },
            () => base.RenewAsync(key, fencingToken, nonce, lease, cancellationToken),
            (end, isOurs) => end with { Outcome = isOurs.ToString() });

    public override Task<PublishOutcome> PublishAsync(LockerKey key, LockerPublication publication, CancellationToken cancellationToken) =>
        history.RecordAsync(
            Verb.LockPublish,
            key.Namespace,
            key.Key,
            start => start with
            {
                Token = publication.Nonce,
                FencingToken = publication.FencingToken,
                Value = ValueOf(publication.Kind, publication.Data.Span),
                FreshFor = MonotonicTime.Of(publication.FreshFor),
            },
            () => base.PublishAsync(key, publication, cancellationToken),
            (end, outcome) => end with { Outcome = outcome.ToString() });

    public override Task<bool> ReleaseAsync(LockerKey key, long? fencingToken, string nonce, CancellationToken cancellationToken) =>
        history.RecordAsync(
            Verb.LockRelease,
            key.Namespace,
            key.Key,
            start => start with { Token = nonce, FencingToken = fencingToken },
            () => base.ReleaseAsync(key, fencingToken, nonce, cancellationToken),
            (end, wasOurs) => end with { Outcome = wasOurs.ToString() });

    public override Task<LockerOutcome?> TryGetAsync(LockerKey key, CancellationToken cancellationToken) =>
        history.RecordAsync(
            Verb.LockRead,
            key.Namespace,
            key.Key,
            describe: null,
            () => base.TryGetAsync(key, cancellationToken),
            (end, outcome) => outcome is null
                ? end with { Outcome = "Absent" }
                : end with { Outcome = "Outcome", FencingToken = outcome.FencingToken, Value = ValueOf(outcome.Kind, outcome.Data.Span) });

    public override Task<bool> ForgetAsync(LockerKey key, TimeSpan lockTimeout, CancellationToken cancellationToken) =>
        history.RecordAsync(
            Verb.LockForget,
            key.Namespace,
            key.Key,
            describe: null,
            () => base.ForgetAsync(key, lockTimeout, cancellationToken),
            (end, was) => end with { Outcome = was.ToString() });

    private static string ValueOf(LockerOutcomeKind kind, ReadOnlySpan<byte> data) => kind switch
    {
        LockerOutcomeKind.Value => LockValue.OfBytes(data),
        LockerOutcomeKind.Null => LockValue.Null,
        // The bytes of a failure are its kind, a line feed, and its message.
        _ => LockValue.OfFailure(Encoding.UTF8.GetString(data[(data.IndexOf((byte)'\n') + 1)..])),
    };
}
