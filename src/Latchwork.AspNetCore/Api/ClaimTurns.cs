using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Http;

namespace Latchwork.Api;

/// <summary>
/// The claims that are waited for, one a token. A repetition takes the turn of the claim before it, which the client has given up although its request
/// may look alive for long: that one is answered without deliveries, and then the repetition continues.
/// </summary>
internal sealed class ClaimTurns(int maxWaiting)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ClaimKey, Turn> _byKey = [];
    private int _count;

    /// <summary>Begins a claim.</summary>
    /// <exception cref="BadHttpRequestException">Too many wait.</exception>
    public Turn Enter(ClaimKey key)
    {
        Turn? before;
        Turn turn;
        lock (_gate)
        {
            // Who repeats a claim takes the place of one that waits, and no further one.
            if (!_byKey.TryGetValue(key, out before) && _count >= maxWaiting) throw ApiProblems.TooMany($"{maxWaiting} claims wait already, the most that may (HttpApiOptions.MaxWaiting).");
            _count++;
            _byKey[key] = turn = new Turn(this, key, before?.Ended ?? Task.CompletedTask);
        }

        before?.Supersede();
        return turn;
    }

    private void Leave(Turn turn)
    {
        lock (_gate)
        {
            _count--;
            if (_byKey.TryGetValue(turn.Key, out Turn? last) && last == turn) _byKey.Remove(turn.Key);
        }
    }

    /// <summary>One claim, from its arrival until its deliveries are kept for a repetition.</summary>
    [SuppressMessage("Design", "CA1001", Justification = "A source without timer and wait handle holds nothing that must be disposed; a repetition may still cancel it.")]
    internal sealed class Turn(ClaimTurns turns, ClaimKey key, Task before) : IDisposable
    {
        private readonly CancellationTokenSource _superseded = new();
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ClaimKey Key => key;

        /// <summary>Ends with the claim before this one.</summary>
        public Task Before => before;

        public Task Ended => _ended.Task;

        /// <summary>Fires when a repetition has taken the turn.</summary>
        public CancellationToken Superseded => _superseded.Token;

        public void Supersede() => _ = _superseded.CancelAsync();

        public void Dispose()
        {
            // One that is given up while it waits for the claim before it stays until that has ended, whose deliveries are yet to be kept: the next repetition waits for them.
            if (before.IsCompleted) End();
            else _ = before.ContinueWith(static (_, turn) => ((Turn)turn!).End(), this, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        private void End()
        {
            turns.Leave(this);
            _ended.TrySetResult();
        }
    }
}
