using Latchwork.Cli.Demo.Cast;

namespace Latchwork.Cli.Demo.Locker;

/// <summary>What a caller got for a key.</summary>
/// <param name="Node">Where it asked.</param>
/// <param name="Call">What it got.</param>
internal sealed record KeyAnswer(string Node, CallAnswered Call);

/// <summary>One execution of the work for a key, as its node told it.</summary>
internal sealed class KeyRun
{
    public required string Node { get; init; }

    public required RunBegun Begun { get; init; }

    /// <summary>The last moment at which the key was certainly its own.</summary>
    public long HeldAt { get; set; }

    /// <summary>How it ended; null if it has not, or its node died before it told.</summary>
    public RunEnded? Ended { get; set; }

    public long Token => Begun.Token;

    /// <summary>What it computes.</summary>
    public string Value => LockerRole.ValueOf(Begun.Key, Node, Token);
}

/// <summary>The demo's own record of one key: part of the <see cref="LockerBooks"/>, under their lock.</summary>
internal sealed class KeyRecord
{
    public required string Key { get; init; }

    public required KeyFate Fate { get; init; }

    /// <summary>In the order of their tokens.</summary>
    public List<KeyRun> Runs { get; } = [];

    public List<KeyAnswer> Answers { get; } = [];

    /// <summary>What should not have happened between owners.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>What those got who called in a round.</summary>
    public IEnumerable<KeyAnswer> Round(int round) => Answers.Where(a => a.Call.Round == round);

    public void Begin(string node, RunBegun begun)
    {
        if (Runs.Exists(r => r.Token == begun.Token)) Problems.Add($"{Key}: the token of {node} was another's");
        Runs.Add(new KeyRun { Node = node, Begun = begun, HeldAt = begun.At });
        Runs.Sort((a, b) => a.Token.CompareTo(b.Token));
    }

    public void End(RunEnded ended)
    {
        KeyRun run = Runs.First(r => r.Token == ended.Token);
        run.Ended = ended;
        run.HeldAt = ended.HeldAt;
    }
}
