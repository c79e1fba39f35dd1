using Latchwork.Faults.History;
using Latchwork.Storage;

namespace Latchwork.Faults.CheckingTests;

/// <summary>The same for one key: requests, renewals, publications, releases and forgettings that a store has answered, many of them overlapping.</summary>
internal sealed class LegalKeyHistory(int seed)
{
    private readonly Random _random = new(seed);
    private readonly MadeUpTime _time = new();
    private readonly LockerKey _key = new("n", "k");
    private readonly List<Holder> _holders = [];
    private readonly List<HistoryLine> _lines = [];
    private ILockerStore _store = null!;
    private long _op;

    public IReadOnlyList<HistoryLine> Lines => _lines;

    public async Task<LegalKeyHistory> MakeAsync(int steps)
    {
        await using var store = new InMemoryStore(_time.Clock);
        _store = store.Locks;
        await _store.OpenAsync("n", CancellationToken.None);
        for (int i = 0; i < steps; i++)
        {
            await _time.PassAsync(_random.Next(0, 300_000));
            await StepAsync();
        }

        return this;
    }

    private Task StepAsync()
    {
        Holder? holder = _holders.Where(h => h.Since <= _time.Now).OrderBy(_ => _random.Next()).FirstOrDefault();
        switch (_random.Next(12))
        {
            case 0:
                return CallAsync(Verb.LockForget, "f", s => s, async () => new Answer($"{await _store.ForgetAsync(_key, TimeSpan.FromMinutes(1), default)}"));
            case 1:
                return CallAsync(Verb.LockRead, "r", s => s, async () => Of(await _store.TryGetAsync(_key, default)));
            case 2 or 3 or 4 or 5:
                return RequestAsync();
            case 6 or 7 when holder is not null:
                return CallAsync(
                    Verb.LockRenew, holder.Process, s => s with { Token = holder.Nonce, FencingToken = holder.FencingToken, Lease = MonotonicTime.Of(holder.Lease) },
                    async () => new Answer($"{await _store.RenewAsync(_key, holder.FencingToken, holder.Nonce, holder.Lease, default)}"), holder.Since);
            case 8 when holder is not null:
                _holders.Remove(holder);
                return CallAsync(
                    Verb.LockRelease, holder.Process, s => s with { Token = holder.Nonce, FencingToken = holder.FencingToken },
                    async () => new Answer($"{await _store.ReleaseAsync(_key, holder.FencingToken, holder.Nonce, default)}"), holder.Since);
            case 9 or 10 when holder is not null:
                _holders.Remove(holder);
                return PublishAsync(holder);
            default:
                return Task.CompletedTask;
        }
    }

    private async Task RequestAsync()
    {
        string process = $"p{_random.Next(3)}", nonce = $"n{++_op}";
        var lease = TimeSpan.FromMilliseconds(_random.Next(300, 1500));
        Holder? holder = null;
        await CallAsync(
            Verb.LockRequest,
            process,
            s => s with { Token = nonce, Lease = MonotonicTime.Of(lease), Ceiling = 60_000_000 },
            async () =>
            {
                LockerReply reply = await _store.RequestAsync(_key, new LockerRequest(process, nonce, lease, TimeSpan.FromMinutes(1), null, LockOnly: _random.Next(2) == 0), default);
                if (reply is LockGranted granted) holder = new Holder(process, nonce, granted.FencingToken, lease, 0);
                return reply switch
                {
                    LockGranted g => new Answer("Granted", g.FencingToken),
                    LockHeld h => new Answer("Held", h.FencingToken),
                    _ => Of((LockerOutcome)reply),
                };
            });
        // Who never saw the answer holds nothing.
        if (holder is not null && _lines[^1].Entry is OperationEnded { Ending: Ending.Answered } end) _holders.Add(holder with { Since = end.At });
    }

    private async Task PublishAsync(Holder holder)
    {
        string value = $"v:{++_op}";
        var fresh = TimeSpan.FromMilliseconds(_random.Next(0, 1000));
        var publication = new LockerPublication(
            holder.FencingToken, holder.Nonce, LockerOutcomeKind.Value, System.Text.Encoding.UTF8.GetBytes(value[2..]), fresh, TimeSpan.FromSeconds(1));
        long since = holder.Since;
        for (int attempt = 0; attempt < 2; attempt++)
        {
            await CallAsync(
                Verb.LockPublish, holder.Process, s => s with { Token = holder.Nonce, FencingToken = holder.FencingToken, Value = value, FreshFor = MonotonicTime.Of(fresh) },
                async () => new Answer($"{await _store.PublishAsync(_key, publication, default)}"), since);
            if (_lines[^1].Entry is not OperationEnded { Ending: Ending.Unknown } end) return;
            since = end.At;
            await _time.PassAsync(Math.Max(0, end.At - _time.Now));
        }
    }

    private static Answer Of(LockerOutcome? outcome) =>
        outcome is null ? new Answer("Absent") : new Answer("Outcome", outcome.FencingToken, LockValue.OfBytes(outcome.Data.Span));

    private async Task CallAsync(Verb verb, string process, Func<OperationStarted, OperationStarted> describe, Func<Task<Answer>> call, long notBefore = 0)
    {
        long op = ++_op;
        Write(process, describe(new OperationStarted(Math.Max(notBefore, Math.Max(0, _time.Now - _random.Next(0, 200_000))), op, verb, "n", "k")));
        int fate = _random.Next(12);
        if (fate == 1)
        {
            Write(process, new OperationEnded(After(), op, Ending.Unknown));
            _time.Later(_random.Next(0, 500_000), call);
            return;
        }

        Answer answer = await call();
        OperationEnded end = new(After(), op, Ending.Answered) { Outcome = answer.Outcome, FencingToken = answer.FencingToken, Value = answer.Value };
        Write(process, fate == 2 ? new OperationEnded(end.At, op, Ending.Unknown) : end);
    }

    private long After() => _time.Now + _random.Next(0, 200_000);

    private void Write(string process, HistoryEntry entry) => _lines.Add(new HistoryLine(process, entry));

    private sealed record Answer(string Outcome, long? FencingToken = null, string? Value = null);

    private sealed record Holder(string Process, string Nonce, long FencingToken, TimeSpan Lease, long Since);
}
