using Latchwork.Cli.Demo.Cast;

namespace Latchwork.Cli.Demo.Locker;

/// <summary>What is known of a node: part of the <see cref="LockerBooks"/>, under their lock.</summary>
internal sealed class NodeRecord
{
    public required string Name { get; init; }

    /// <summary>When it was killed, in timestamps: a moment before; null while it lives.</summary>
    public long? KilledAt { get; set; }

    /// <summary>The last round whose calls have all been made.</summary>
    public int Round { get; set; }

    public int Asked { get; set; }

    public int Answered { get; set; }

    public int Runs { get; set; }
}

/// <summary>The demo's own books of the second act: every key, every call, every node.</summary>
internal sealed class LockerBooks : DemoBooks
{
    public IReadOnlyList<KeyRecord> Keys { get; } = [.. LockerPlan.Keys.Select(k => new KeyRecord { Key = k.Key, Fate = k.Fate })];

    public IReadOnlyList<NodeRecord> Nodes { get; } = [.. LockerPlan.Nodes.Select(name => new NodeRecord { Name = name })];

    public KeyRecord Of(KeyFate fate) => Keys.First(k => k.Fate == fate);

    /// <summary>How many calls the nodes that live have yet to be answered for a key in a round.</summary>
    public int Unanswered(KeyRecord key, int round) =>
        Nodes.Where(n => n.KilledAt is null).Sum(n => LockerPlan.Callers - key.Round(round).Count(a => a.Node == n.Name));

    /// <summary>Enters that the callers of a node are told to call.</summary>
    public void Ask(NodeRecord node, int calls) => Write(() => node.Asked += calls);

    /// <summary>Enters what a node told.</summary>
    public void Hear(NodeRecord node, DemoReport report) => Write(() =>
    {
        switch (report)
        {
            case CallsMade made:
                node.Round = made.Round;
                break;
            case CallAnswered answered:
                KeyOf(answered.Key).Answers.Add(new KeyAnswer(node.Name, answered));
                node.Answered++;
                break;
            case RunBegun begun:
                KeyOf(begun.Key).Begin(node.Name, begun);
                node.Runs++;
                break;
            case RunEnded ended:
                KeyOf(ended.Key).End(ended);
                break;
        }
    });

    /// <summary>Enters that a run was seen, by the store, to own its key.</summary>
    /// <param name="run">The run.</param>
    /// <param name="at">A timestamp from before the store was asked.</param>
    public void Saw(KeyRun run, long at) => Write(() => run.HeldAt = Math.Max(run.HeldAt, at));

    /// <summary>Enters that a node is dead.</summary>
    public void Die(NodeRecord node, long killedAt) => Write(() => node.KilledAt = killedAt);

    private KeyRecord KeyOf(string key) => Keys.First(k => k.Key == key);
}
