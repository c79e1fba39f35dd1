using Latchwork.Faults.History;
using Latchwork.Storage;

namespace Latchwork.Faults.CheckingTests;

/// <summary>
/// Makes up a history that is legal because a store has really given the answers: operations take effect one after the other in the store in
/// memory, on a clock that is moved by hand, and each is said to have begun some time before and to have ended some time after, so that
/// many overlap. Some lose their answer; of these some are done later, and some never.
/// </summary>
internal sealed class LegalTimerHistory(int seed, bool withLosses)
{
    private static readonly DeadLetterLimits _dead = new(TimeSpan.FromDays(30), 100_000);
    private static readonly string[] _ids = ["a", "b", "c"];
    private readonly Random _random = new(seed);
    private readonly MadeUpTime _time = new();
    private readonly TimerPartition _partition = new("n", 0);
    private readonly List<(string Id, string Token, string Process, long Since)> _held = [];
    private readonly List<(string Token, string Process)> _lostClaims = [];
    private readonly Dictionary<string, List<HistoryEntry>> _entries = [];
    private ITimerStore _store = null!;
    private long _op;
    private int _versions;

    /// <summary>Its lines.</summary>
    public IReadOnlyList<HistoryLine> Lines => [.. _entries.SelectMany(pair => pair.Value.Select(entry => new HistoryLine(pair.Key, entry)))];

    /// <summary>Makes it.</summary>
    /// <param name="steps">How many operations, about.</param>
    public async Task<LegalTimerHistory> MakeAsync(int steps)
    {
        await using var store = new InMemoryStore(_time.Clock);
        _store = store.Timers;
        await _store.OpenAsync("n", CancellationToken.None);
        for (int i = 0; i < steps; i++)
        {
            await _time.PassAsync(_random.Next(0, 400_000));
            await StepAsync(_ids[_random.Next(_ids.Length)]);
        }

        await _time.PassAsync(4_000_000);
        await ScanAsync();
        return this;
    }

    private Task StepAsync(string id)
    {
        var delay = TimeSpan.FromMilliseconds(_random.Next(0, 1500));
        long us = MonotonicTime.Of(delay);
        switch (_random.Next(16))
        {
            case 0 or 1 or 2:
                return PostAsync(id, delay);
            case 3:
                return CallAsync(Verb.Cancel, id, s => s, async () => $"{await _store.CancelAsync(_partition, id, revoke: false, default)}");
            case 4:
                return CallAsync(Verb.Revoke, id, s => s, async () => $"{await _store.CancelAsync(_partition, id, revoke: true, default)}");
            case 5:
                return CallAsync(Verb.ChangeDelay, id, s => s with { Delay = us }, async () => $"{await _store.ChangeDelayAsync(_partition, id, delay, default)}");
            case 6:
                return CallAsync(Verb.Requeue, id, s => s with { Delay = us }, async () => $"{(await _store.RequeueAsync(_partition, [new DeadLetterKey(id, null)], delay, default))[0]}");
            case 7 when _random.Next(3) == 0:
                return CallAsync(Verb.Purge, id, s => s, async () => $"{(await _store.PurgeAsync(_partition, [new DeadLetterKey(id, null)], default))[0]}");
            case 7 or 8:
                return PeekAsync(id);
            case 9 or 10 or 11:
                return ClaimAsync();
            default:
                return SettleAsync();
        }
    }

    private Task PostAsync(string id, TimeSpan delay)
    {
        string version = $"v{++_versions}";
        var ifExists = (IfExists)_random.Next(3);
        int retries = _random.Next(3);
        var entry = new TimerEntry(id, delay, EventVersion.ToPayload(version), retries, ifExists, null, IdIsNew: false);
        return CallAsync(
            Verb.Post,
            id,
            s => s with { Version = version, Delay = MonotonicTime.Of(delay), IfExists = ifExists, MaxRetries = retries },
            async () => $"{(await _store.PostAsync(_partition, [entry], default))[0]}");
    }

    private async Task PeekAsync(string id)
    {
        TimerSnapshot? seen = await _store.PeekAsync(_partition, id, default);
        long op = ++_op;
        Write("p", new OperationStarted(Before(), op, Verb.Peek, "n", id));
        Write("p", new OperationEnded(After(), op, Ending.Answered)
        {
            Outcome = seen?.State.ToString() ?? "Absent",
            Version = seen is null ? null : EventVersion.Of(seen.Payload.Span),
            Retries = seen?.Retries,
        });
    }

    private async Task ClaimAsync()
    {
        (string token, string process) = _lostClaims.Count > 0 && _random.Next(2) == 0
            ? _lostClaims[_random.Next(_lostClaims.Count)]
            : ($"t{++_op}", $"l{_random.Next(3)}");
        _lostClaims.Remove((token, process));
        var lease = TimeSpan.FromMilliseconds(_random.Next(200, 1500));
        TimerClaim claim = await _store.ClaimAsync(_partition, new ClaimRequest(process, token, _random.Next(1, 3), 3, 0, lease, _dead), default);

        long op = ++_op, from = Before(), to = After();
        Write(process, new OperationStarted(from, op, Verb.Claim, "n", null) { Token = token, Lease = MonotonicTime.Of(lease) });
        if (withLosses && _random.Next(5) == 0)
        {
            _lostClaims.Add((token, process));
            if (_random.Next(2) == 0) Write(process, new OperationEnded(to, op, Ending.Unknown));
            return;
        }

        foreach (ClaimedEvent e in claim.Events)
        {
            string version = EventVersion.Of(e.Payload.Span);
            Write(process, new EventClaimed(to, op, "n", e.Id, token, version, e.Retries, e.MaxRetries, 0, from, MonotonicTime.Of(lease)));
            long left = Math.Max(0, from + MonotonicTime.Of(lease) - to);
            Write(process, new HandlerStarted(to, "n", e.Id, token, version, e.Retries, e.MaxRetries, left, 0));
            _held.Add((e.Id, token, process, to));
        }

        Write(process, new OperationEnded(to, op, Ending.Answered) { Outcome = "Done" });
    }

    private Task SettleAsync()
    {
        int index = _held.FindIndex(held => held.Since <= _time.Now);
        if (index < 0) return Task.CompletedTask;
        (string id, string token, string process, long since) = _held[index];
        var key = new DeliveryKey(id, token);
        int choice = _random.Next(10);
        if (choice > 1) _held.RemoveAt(index);
        var delay = TimeSpan.FromMilliseconds(_random.Next(0, 800));
        var lease = TimeSpan.FromMilliseconds(_random.Next(200, 1500));
        return choice switch
        {
            0 or 1 => CallAsync(
                Verb.Extend, id, s => s with { Token = token, Lease = MonotonicTime.Of(lease) },
                async () => $"{(await _store.ExtendAsync(_partition, [key], lease, default))[0]}", process, since),
            2 => CallAsync(Verb.Release, id, s => s with { Token = token }, async () => $"{(await _store.ReleaseAsync(_partition, [key], default))[0]}", process, since),
            3 or 4 or 5 => CallAsync(
                choice == 4 ? Verb.Interrupt : Verb.Fail, id, s => s with { Token = token, Delay = choice == 3 ? null : MonotonicTime.Of(delay) },
                async () => $"{(await _store.FailAsync(_partition, [new TimerFailure(key, process, "x", choice == 3 ? null : delay, DeadLetterReason.Rejected) { IsInterruption = choice == 4 }], _dead, default))[0]}",
                process, since),
            6 => Task.CompletedTask, // its holder died
            _ => CallAsync(Verb.Confirm, id, s => s with { Token = token }, async () => $"{(await _store.ConfirmAsync(_partition, [key], CompletedLimits.None, default))[0]}", process, since),
        };
    }

    private async Task CallAsync(
        Verb verb, string id, Func<OperationStarted, OperationStarted> describe, Func<Task<string>> call, string process = "p", long notBefore = 0)
    {
        long op = ++_op;
        Write(process, describe(new OperationStarted(Math.Max(notBefore, Before()), op, verb, "n", id)));
        int fate = withLosses ? _random.Next(12) : 12;
        if (fate == 0)
        {
            Write(process, new OperationEnded(After(), op, Ending.Refused));
            return;
        }

        if (fate == 1) return; // never done, never answered
        if (fate == 2)
        {
            Write(process, new OperationEnded(After(), op, Ending.Unknown));
            _time.Later(_random.Next(0, 3_000_000), call);
            return;
        }

        string outcome = await call();
        OperationEnded end = new OperationEnded(After(), op, Ending.Answered) { Outcome = outcome };
        Write(process, fate == 3 ? end with { Ending = Ending.Cancelled, Outcome = null } : end);
    }

    private async Task ScanAsync()
    {
        long from = _time.Now + 1_000_000; // after all ends
        _time.Move(from);
        Write("h", new FinalScanStarted(from, "n"));
        foreach (string id in _ids)
        {
            if (await _store.PeekAsync(_partition, id, default) is not { } seen) continue;
            Write("h", new FinalEvent(from, "n", id, EventVersion.Of(seen.Payload.Span), seen.State, seen.Retries, 0) { Token = seen.Token });
        }

        Write("h", new FinalScanEnded(from + 1000, "n"));
    }

    private long Before() => Math.Max(0, _time.Now - _random.Next(0, 300_000));

    private long After() => _time.Now + _random.Next(0, 300_000);

    private void Write(string process, HistoryEntry entry)
    {
        if (!_entries.TryGetValue(process, out List<HistoryEntry>? entries)) _entries[process] = entries = [];
        entries.Add(entry);
    }
}
