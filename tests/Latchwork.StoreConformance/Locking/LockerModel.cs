using System.Globalization;
using System.Text;
using Latchwork.Storage;

namespace Latchwork.StoreConformance.Locking;

/// <summary>One random step: what it does, and four numbers from which it makes its arguments.</summary>
internal readonly record struct LockerStep(LockerStepKind Kind, int A, int B, int C, int D)
{
    private static readonly int[] _leasesMs = [1_000, 5_000];
    private static readonly int[] _timeoutsMs = [5_000, 12_000, 60_000];
    private static readonly int[] _lifetimesMs = [0, 0, 1_000, 10_000];
    private static readonly int[] _movesMs = [1, 100, 999, 1_000, 2_000, 5_000, 12_000, 61_000];
    private static readonly int[] _shiftsMs = [-1_000, -3_600_000, 3_600_000];

    public string Nonce => string.Create(CultureInfo.InvariantCulture, $"nonce-{A % 4}");

    public TimeSpan Lease => TimeSpan.FromMilliseconds(_leasesMs[B % 2]);

    public TimeSpan LockTimeout => TimeSpan.FromMilliseconds(_timeoutsMs[B % 3]);

    public TimeSpan FreshFor => TimeSpan.FromMilliseconds(_lifetimesMs[B % 4]);

    public TimeSpan HandOverFor => TimeSpan.FromMilliseconds(_lifetimesMs[D % 4]);

    public TimeSpan Move => TimeSpan.FromMilliseconds(_movesMs[A % 8]);

    public TimeSpan Shift => TimeSpan.FromMilliseconds(_shiftsMs[A % 3]);

    public LockerOutcomeKind OutcomeKind => (LockerOutcomeKind)(D % 3);

    public byte[] Data => OutcomeKind == LockerOutcomeKind.Null ? [] : Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{A},{B},{C},{D}"));

    /// <summary>A fencing token that was given lately, or one beside it.</summary>
    public long FencingToken(List<long> given) => given.Count == 0 ? C : given[^(1 + C / 4 % Math.Min(3, given.Count))] + (C % 4 == 3 ? 1 : 0);
}

internal enum LockerStepKind
{
    Request,
    Renew,
    Publish,
    Release,
    TryGet,
    Forget,
    Show,
    Move,
    Shift,
}

/// <summary>The contract of a locker store in as few words as it takes, against which the stores are checked. One key; times in ticks.</summary>
internal sealed class LockerModel
{
    private sealed record Owner(string Node, string Nonce, bool TakenOver, long Started, long Lease, long Deadline, long Timeout);

    private sealed record Result(long FencingToken, LockerOutcomeKind Kind, byte[] Data, long At, long FreshFor, long HandOverFor);

    private Owner? _owner;
    private Result? _result;
    private long _fencingToken;
    private (long, string)? _accepted;

    /// <summary>Brings the model to a time, which may be earlier than the last.</summary>
    public long Now
    {
        get => field;
        set
        {
            field = value;
            if (_result?.At > value) _result = _result with { At = value };
            if (!IsKept) _result = null;
            if (_owner is null) return;
            if (_owner.Started > value) _owner = _owner with { Started = value };
            long latest = Math.Min(value + _owner.Lease, _owner.Started + _owner.Timeout);
            if (_owner.Deadline > latest) _owner = _owner with { Deadline = latest };
            if (_owner.Started + _owner.Timeout <= value) _owner = null;
        }
    }

    public string Request(LockerRequest request)
    {
        if (_owner?.Nonce == request.Nonce)
        {
            Extend(request.LeaseDuration);
            return $"granted {_fencingToken} {_owner.TakenOver}";
        }

        if (!request.LockOnly && _result is not null && (IsFresh || _result.FencingToken >= request.WaitingFor)) return Describe(_result);
        if (_owner?.Deadline > Now) return $"held {_fencingToken} {_owner.Node} {_owner.Deadline - Now} {Now - _owner.Started}";
        NextFencingToken();
        _owner = new Owner(request.NodeId, request.Nonce, _owner is not null, Now, 0, 0, request.LockTimeout.Ticks);
        Extend(request.LeaseDuration);
        return $"granted {_fencingToken} {_owner.TakenOver}";
    }

    public string Renew(long fencingToken, string nonce, TimeSpan lease)
    {
        if (!Owns(fencingToken, nonce)) return "False";
        Extend(lease);
        return "True";
    }

    public string Publish(LockerPublication publication)
    {
        if (Owns(publication.FencingToken, publication.Nonce))
        {
            _accepted = (_fencingToken, _owner!.Nonce);
            _owner = null;
            _result = new Result(
                _fencingToken, publication.Kind, publication.Data.ToArray(), Now, publication.FreshFor.Ticks, publication.HandOverFor.Ticks);
            return "Accepted";
        }

        bool before = _accepted is var (fencingToken, nonce) && fencingToken == publication.FencingToken && (publication.Nonce is null || publication.Nonce == nonce);
        return before ? "Accepted" : "Superseded";
    }

    public string Release(long? fencingToken, string nonce)
    {
        if (!Owns(fencingToken ?? _fencingToken, nonce)) return "False";
        _owner = null;
        return "True";
    }

    public string TryGet() => IsFresh ? Describe(_result!) : "nothing";

    public string Forget()
    {
        bool known = _owner is not null || IsFresh;
        if (_owner is not null) NextFencingToken();
        _owner = null;
        _result = null;
        return known.ToString();
    }

    public string Show()
    {
        if (_owner is null && !IsFresh) return "nothing";
        string owner = _owner is null ? $"free {_result!.FencingToken}" : $"locked {_fencingToken} {_owner.Node} {Now - _owner.Started} {Math.Max(0, _owner.Deadline - Now)}";
        return IsFresh ? $"{owner} fresh {_result!.At + _result.FreshFor - Now} {_result.Kind == LockerOutcomeKind.Failure}" : owner;
    }

    private bool IsFresh => _result is not null && Now - _result.At < _result.FreshFor;

    private bool IsKept => _result is not null && Now - _result.At < Math.Max(_result.FreshFor, _result.HandOverFor);

    private bool Owns(long fencingToken, string? nonce) => _owner is not null && fencingToken == _fencingToken && (nonce is null || nonce == _owner.Nonce);

    private void NextFencingToken() => _fencingToken = Math.Max(_fencingToken + 1, Now / TimeSpan.TicksPerMicrosecond);

    private void Extend(TimeSpan lease) =>
        _owner = _owner! with { Lease = lease.Ticks, Deadline = Math.Min(Now + lease.Ticks, _owner.Started + _owner.Timeout) };

    private string Describe(Result result) =>
        $"outcome {result.FencingToken} {result.Kind} {Convert.ToHexString(result.Data)} {IsFresh} {Now - result.At}";
}
