using System.Text;

namespace Latchwork.Cli.Demo.Locker;

/// <summary>What a caller got for a key.</summary>
/// <param name="Node">Where it asked.</param>
/// <param name="Value">The result, if it was one.</param>
/// <param name="Failure">The failure of the run, if it was one.</param>
/// <param name="Problem">What else it was: nothing of the kind should happen.</param>
internal sealed record KeyAnswer(string Node, string? Value, RunFailedException? Failure, string? Problem);

/// <summary>One execution of the work for a key, as the demo saw it.</summary>
/// <param name="Number">Which of the key's runs it is: 1 is the first.</param>
/// <param name="Node">Where.</param>
/// <param name="At">When it began, since the act began.</param>
/// <param name="Lease">Its lease.</param>
internal sealed record KeyRun(int Number, string Node, TimeSpan At, WorkLease Lease)
{
    private volatile bool _hasEnded;

    /// <summary>What it computes: no other run computes the same.</summary>
    public string Value => $"{Lease.Key} by {Node}, run {Number}, token {Lease.FencingToken}";

    /// <summary>The same as bytes.</summary>
    public byte[] Bytes => Encoding.UTF8.GetBytes(Value);

    /// <summary>What it threw, if it was to fail.</summary>
    public InvalidOperationException? Failure { get; set; }

    /// <summary>Whether it is still at it and believes that the key is its own.</summary>
    public bool IsLive => !_hasEnded && Lease.IsHeld;

    /// <summary>Notes that the work has returned or thrown.</summary>
    public void End() => _hasEnded = true;
}

/// <summary>The demo's own record of one key. It never asks the store. Locked by itself.</summary>
internal sealed class KeyRecord
{
    private readonly Lock _gate = new();
    private readonly List<KeyRun> _runs = [];
    private readonly List<KeyAnswer> _answers = [];
    private readonly List<string> _problems = [];
    private readonly TaskCompletionSource<KeyRun> _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<KeyRun> _second = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _cutOff;
    private int? _firstLater;

    public required string Key { get; init; }

    public required KeyFate Fate { get; init; }

    /// <summary>Completes when the first run begins.</summary>
    public Task<KeyRun> First => _first.Task;

    /// <summary>Completes when a second run begins.</summary>
    public Task<KeyRun> Second => _second.Task;

    /// <summary>Calls that were asked on a node that was killed before they were answered.</summary>
    public int CutOff => Volatile.Read(ref _cutOff);

    public IReadOnlyList<KeyRun> Runs
    {
        get
        {
            lock (_gate) return [.. _runs];
        }
    }

    /// <summary>What those got who asked while the key had no outcome yet.</summary>
    public IReadOnlyList<KeyAnswer> Answers
    {
        get
        {
            lock (_gate) return [.. _answers.Take(_firstLater ?? _answers.Count)];
        }
    }

    /// <summary>What those got who asked after <see cref="BeginLater"/>.</summary>
    public IReadOnlyList<KeyAnswer> LaterAnswers
    {
        get
        {
            lock (_gate) return [.. _answers.Skip(_firstLater ?? _answers.Count)];
        }
    }

    /// <summary>What should not have happened between owners.</summary>
    public IReadOnlyList<string> Problems
    {
        get
        {
            lock (_gate) return [.. _problems];
        }
    }

    /// <summary>Records the beginning of a run.</summary>
    public KeyRun Begin(string node, TimeSpan at, WorkLease lease)
    {
        KeyRun run;
        lock (_gate)
        {
            run = new KeyRun(_runs.Count + 1, node, at, lease);
            if (_runs.Find(r => r.IsLive) is { } other) _problems.Add($"{Key}: {node} began while {other.Node} still believed that it was its own");
            if (_runs.Count > 0 && lease.FencingToken <= _runs[^1].Lease.FencingToken) _problems.Add($"{Key}: the token of {node} is not above that of the owner before");
            _runs.Add(run);
        }

        if (run.Number == 1) _first.TrySetResult(run);
        if (run.Number == 2) _second.TrySetResult(run);
        return run;
    }

    /// <summary>Records what a caller got.</summary>
    public void Answer(KeyAnswer answer)
    {
        lock (_gate) _answers.Add(answer);
    }

    /// <summary>From here on, answers go to those who ask later.</summary>
    public void BeginLater()
    {
        lock (_gate) _firstLater = _answers.Count;
    }

    /// <summary>Records that a caller died with its node.</summary>
    public void CutOffOne() => Interlocked.Increment(ref _cutOff);
}
