using System.Text;
using Latchwork.Cli.Demo.Cast;

namespace Latchwork.Cli.Demo.Locker;

/// <summary>One of the nodes: a locker of its own, a hundred callers, and work that may succeed or fail. It tells everything before it does the next thing.</summary>
internal sealed class LockerRole : IDemoRole
{
    private static readonly TimeProvider _time = TimeProvider.System;

    private readonly string _name;
    private readonly Action<DemoReport> _report;
    private readonly ProcessLocker _locker;
    private readonly CancellationTokenSource _callers = new();
    private readonly Dictionary<string, TaskCompletionSource> _finish =
        LockerPlan.Keys.ToDictionary(k => k.Key, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), StringComparer.Ordinal);

    private volatile Exception? _thrown;

    public LockerRole(Casting casting, LatchworkStore store, Action<DemoReport> report)
    {
        _name = casting.Name;
        _report = report;
        _locker = new ProcessLocker(store, LockerPlan.Options(casting.Namespace, casting.Name));
    }

    /// <summary>What a run computes: no other run computes the same.</summary>
    public static string ValueOf(string key, string node, long token) => $"{key} by {node}, token {token}";

    /// <summary>Makes sure that the node knows its store, so that calls wait for nothing but the key.</summary>
    public Task OpenAsync(CancellationToken cancellationToken) => _locker.ShowAsync(LockerPlan.Keys[0].Key, cancellationToken);

    public void Hear(DemoOrder order)
    {
        if (order is Ask ask) _ = Task.Run(() => Call(ask), CancellationToken.None);
        else if (order is Finish finish) _finish[finish.Key].TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await _callers.CancelAsync().ConfigureAwait(false);
        await _locker.DisposeAsync().ConfigureAwait(false);
        _callers.Dispose();
    }

    private void Call(Ask ask)
    {
        for (int caller = 0; caller < LockerPlan.Callers; caller++)
        {
            foreach (string key in ask.Keys)
            {
                Task<ReadOnlyMemory<byte>> call = _locker.RunOnceAsync(key, (lease, stop) => WorkAsync(key, lease, stop), cancellationToken: _callers.Token);
                _ = AnswerAsync(key, ask.Round, call);
            }
        }

        _report(new CallsMade(ask.Round));
    }

    private async Task AnswerAsync(string key, int round, Task<ReadOnlyMemory<byte>> call)
    {
        CallAnswered answer;
        try
        {
            ReadOnlyMemory<byte> result = await call.ConfigureAwait(false);
            answer = new CallAnswered(key, round, Encoding.UTF8.GetString(result.Span), null, null, null, false);
        }
        catch (RunFailedException e)
        {
            bool? isOriginal = e.InnerException is { } inner ? ReferenceEquals(inner, _thrown) : null;
            answer = new CallAnswered(key, round, null, $"{e.Kind}: {e.Message}", isOriginal, null, false);
        }
        catch (OperationCanceledException) when (_callers.IsCancellationRequested)
        {
            return; // the act is over, and nobody counts any more
        }
        catch (Exception e) when (e is LatchworkStoreException or LockTimeoutException or ObjectDisposedException)
        {
            answer = new CallAnswered(key, round, null, null, null, e.Message, e is LockTimeoutException);
        }

        _report(answer);
    }

    private async Task<ReadOnlyMemory<byte>> WorkAsync(string key, WorkLease lease, CancellationToken stop)
    {
        long heldAt = _time.GetTimestamp();
        _report(new RunBegun(key, lease.FencingToken, heldAt));
        string? failure = null;
        try
        {
            // The demo says when it may end: not before everybody has called, and the first run of one key never.
            await _finish[key].Task.WaitAsync(stop).ConfigureAwait(false);
            await Task.Delay(LockerPlan.Work(LockerPlan.FateOf(key)), _time, stop).ConfigureAwait(false);
            if (LockerPlan.FateOf(key) != KeyFate.Fails) return Encoding.UTF8.GetBytes(ValueOf(key, _name, lease.FencingToken));

            var thrown = new InvalidOperationException($"no figures for July, said {_name} under token {lease.FencingToken}");
            _thrown = thrown;
            failure = $"{thrown.GetType().Name}: {thrown.Message}";
            throw thrown;
        }
        finally
        {
            // The moment is taken first: whatever happens in between, the key was still ours then.
            long now = _time.GetTimestamp();
            bool isHeld = lease.IsHeld && !lease.Lost.IsCancellationRequested;
            _report(new RunEnded(key, lease.FencingToken, now, isHeld ? now : heldAt, failure, LostLease: !isHeld, WasStopped: stop.IsCancellationRequested));
        }
    }
}
