using Latchwork.Faults.History;
using Latchwork.Faults.Running;

namespace Latchwork.Faults.Work;

/// <summary>
/// Posts, alone and in batches, and cancels, revokes, reschedules, peeks, requeues and purges. A part of the ids is fresh, a part comes from a
/// pool of the poster's own, so that the calls meet live events, and a part from a pool that all posters share, so that they meet each other.
/// </summary>
internal sealed class PosterWork(WorkerSettings settings, Recorder recorder, DistributedTimer timer, OwnTransactions? transactions) : IWork
{
    private const int Loops = 3;
    private const int MeanPause = 70;
    private const int OwnIds = 12;
    private const int SharedIds = 12;
    private long _posts;

    public Task RunAsync(CancellationToken cancellationToken) => Task.WhenAll(Enumerable.Range(0, Loops).Select(loop => Task.Run(() => LoopAsync(settings.Chance(loop), cancellationToken), CancellationToken.None)));

    private async Task LoopAsync(Random chance, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            using CancellationTokenSource callerTimeout = Pace.CallerTimeout(chance, percent: 3, milliseconds: 20);
            await (chance.Next(100) switch
            {
                < 12 when transactions is not null => PostInTransactionAsync(transactions, chance),
                < 45 => PostAsync(chance, callerTimeout.Token),
                < 53 => PostBatchAsync(chance),
                < 66 => CancelAsync(KnownId(chance), revoke: false),
                < 70 => CancelAsync(KnownId(chance), revoke: true),
                < 83 => ChangeDelayAsync(KnownId(chance), DelayOf(chance)),
                < 93 => PeekAsync(KnownId(chance)),
                _ => HandleDeadLettersAsync(chance, cancellationToken),
            });
            await Pace.PauseAsync(chance, MeanPause, cancellationToken);
        }
    }

    private string KnownId(Random chance) => chance.Next(3) == 0 ? $"shared-{Pace.Epoch}-{chance.Next(SharedIds)}" : $"{settings.Name}-{Pace.Epoch}-{chance.Next(OwnIds)}";

    private string NewId(Random chance) => chance.Next(2) == 0 ? KnownId(chance) : $"{settings.ProcessName}-{Interlocked.Increment(ref _posts)}";

    private TimeSpan DelayOf(Random chance) => TimeSpan.FromMilliseconds(chance.Next(10) switch
    {
        < 3 => 0,
        < 8 => chance.Next(1_000),
        _ => chance.Next((int)settings.Longest.TotalMilliseconds),
    });

    private (OperationStarted Operation, TimerPost Post) NewPost(Random chance)
    {
        string id = NewId(chance);
        string version = $"{settings.ProcessName}:{LockValue.Number(Interlocked.Increment(ref _posts))}";
        var ifExists = (IfExists)(chance.Next(5) switch { 0 => (int)IfExists.Fail, 1 => (int)IfExists.Keep, _ => (int)IfExists.Replace });
        int retries = chance.Next(6);
        TimeSpan delay = DelayOf(chance);
        OperationStarted operation = recorder.Begin(Verb.Post, id) with { Version = version, IfExists = ifExists, MaxRetries = retries };

        // By delay, or at a time that is this machine's and so the server's, whatever this worker's own clock says.
        Due due = delay;
        if (chance.Next(10) == 0)
        {
            DateTimeOffset at = DateTimeOffset.FromUnixTimeMilliseconds((DateTimeOffset.UtcNow + delay).ToUnixTimeMilliseconds());
            due = at;
            operation = operation with { DueAt = MonotonicTime.Of(at - DateTimeOffset.UnixEpoch) };
        }
        else
        {
            operation = operation with { Delay = MonotonicTime.Of(delay) };
        }

        var options = new PostOptions { Id = id, IfExists = ifExists, MaxRetries = retries };
        return (operation, new TimerPost(EventVersion.ToPayload(version, chance.Next(200)), due, options));
    }

    private Task PostAsync(Random chance, CancellationToken callerTimeout)
    {
        (OperationStarted operation, TimerPost post) = NewPost(chance);
        return recorder.CallAsync(
            operation,
            () => timer.PostAsync(post.Payload, post.Due, post.Options, callerTimeout),
            (end, result) => end with { Outcome = $"{result.Outcome}" });
    }

    // Under an id that no other call names, so that what the tables hold can be compared with what was delivered.
    private Task PostInTransactionAsync(OwnTransactions transactions, Random chance)
    {
        string version = $"{settings.ProcessName}:{LockValue.Number(Interlocked.Increment(ref _posts))}";
        string id = $"in-transaction-{version}";
        int retries = chance.Next(6);
        TimeSpan delay = DelayOf(chance);
        OperationStarted operation = recorder.Begin(Verb.Post, id) with
        {
            Version = version,
            IfExists = IfExists.Replace,
            MaxRetries = retries,
            Delay = MonotonicTime.Of(delay),
            InTransaction = true,
        };
        var post = new TimerPost(EventVersion.ToPayload(version, chance.Next(200)), delay, new PostOptions { Id = id, MaxRetries = retries });
        return transactions.PostAsync(timer, operation, post, isRolledBack: chance.Next(3) == 0, TimeSpan.FromMilliseconds(chance.Next(10) == 0 ? chance.Next(2_000) : chance.Next(20)));
    }

    private async Task PostBatchAsync(Random chance)
    {
        (OperationStarted Operation, TimerPost Post)[] batch = [.. Enumerable.Range(0, chance.Next(2, 10)).Select(_ => NewPost(chance))];
        var last = new Dictionary<string, long>();
        for (int i = 0; i < batch.Length; i++)
        {
            string id = batch[i].Operation.Id!;
            if (last.TryGetValue(id, out long before)) batch[i].Operation = batch[i].Operation with { After = before };
            last[id] = batch[i].Operation.Op;
            recorder.Start(batch[i].Operation);
        }

        IReadOnlyList<PostResult?> results;
        string? error = null;
        try
        {
            results = [.. (await timer.PostAsync([.. batch.Select(one => one.Post)])).Select(result => (PostResult?)result)];
        }
        catch (TimerBatchException e)
        {
            (results, error) = (e.Results, e.InnerException!.Message);
        }
        catch (LatchworkStoreException e)
        {
            (results, error) = (new PostResult?[batch.Length], e.Message); // not even the namespace could be opened
        }

        for (int i = 0; i < batch.Length; i++)
        {
            recorder.History.Write(results[i] is { } result
                ? Recorder.End(batch[i].Operation, Ending.Answered) with { Outcome = $"{result.Outcome}" }
                : Recorder.End(batch[i].Operation, Ending.Unknown) with { Error = error });
        }
    }

    private Task CancelAsync(string id, bool revoke) => recorder.CallAsync(
        recorder.Begin(revoke ? Verb.Revoke : Verb.Cancel, id),
        () => timer.CancelAsync(id, revoke),
        (end, outcome) => end with { Outcome = $"{outcome}" });

    private Task ChangeDelayAsync(string id, TimeSpan delay) => recorder.CallAsync(
        recorder.Begin(Verb.ChangeDelay, id) with { Delay = MonotonicTime.Of(delay) },
        () => timer.ChangeDelayAsync(id, delay),
        (end, outcome) => end with { Outcome = $"{outcome}" });

    private Task PeekAsync(string id) => recorder.CallAsync(
        recorder.Begin(Verb.Peek, id),
        () => timer.PeekAsync(id),
        (end, seen) => seen is null
            ? end with { Outcome = "Absent" }
            : end with { Outcome = $"{seen.State}", Version = EventVersion.Of(seen.Payload.Span), Retries = seen.Retries });

    private async Task HandleDeadLettersAsync(Random chance, CancellationToken cancellationToken)
    {
        var dead = new List<string>();
        try
        {
            await foreach (TimerSnapshot item in timer.DeadLetters.ListAsync(cancellationToken: cancellationToken))
            {
                if (!item.Id.StartsWith(DamagedEvents.IdPrefix, StringComparison.Ordinal)) dead.Add(item.Id);
                if (dead.Count == 20) break;
            }
        }
        catch (Exception e) when (e is LatchworkStoreException or OperationCanceledException)
        {
            return; // A listing changes nothing: there is nothing to record.
        }

        foreach (string id in dead.Where(_ => chance.Next(4) == 0))
        {
            TimeSpan delay = DelayOf(chance);
            await (chance.Next(3) == 0
                ? recorder.CallAsync(recorder.Begin(Verb.Purge, id), () => timer.DeadLetters.PurgeAsync(id), (end, outcome) => end with { Outcome = $"{outcome}" })
                : recorder.CallAsync(
                    recorder.Begin(Verb.Requeue, id) with { Delay = MonotonicTime.Of(delay) },
                    () => timer.DeadLetters.RequeueAsync(id, delay),
                    (end, outcome) => end with { Outcome = $"{outcome}" }));
        }
    }
}
