using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Locks;

/// <summary>An ownership that was granted, and how long its owner may have believed in it.</summary>
internal sealed class Grant
{
    public required string Process { get; init; }

    public required string Nonce { get; init; }

    public required long FencingToken { get; init; }

    /// <summary>When it was first asked for.</summary>
    public required long From { get; init; }

    /// <summary>When its owner was told: it believes from here on.</summary>
    public required long Begin { get; init; }

    /// <summary>When its owner ceased to believe, at the earliest.</summary>
    public long End { get; set; }

    /// <summary>The longest that it can last, counted from <see cref="From"/>.</summary>
    public long Ceiling { get; init; } = long.MaxValue;
}

/// <summary>One outcome that somebody tried to publish; all attempts together.</summary>
internal sealed class Publication
{
    public required string Value { get; init; }

    public required long FencingToken { get; init; }

    /// <summary>When it was first sent.</summary>
    public required long From { get; init; }

    public long FreshFor { get; init; }

    /// <summary>When it was known to be accepted; null if it never was.</summary>
    public long? AcceptedAt { get; set; }

    /// <summary>Whether an attempt has no answer: it may have been accepted, and may still be.</summary>
    public bool IsOpen { get; set; }

    /// <summary>Every attempt was answered with a no.</summary>
    public bool IsRejected => AcceptedAt is null && !IsOpen;
}

/// <summary>An outcome that somebody was given.</summary>
/// <param name="Operation">By what.</param>
/// <param name="Value">The outcome.</param>
/// <param name="Waited">Whether it may be older than the request: it waited for it, as the store was told.</param>
internal sealed record Sight(Operation Operation, string Value, bool Waited);

/// <summary>What the history says about a key, put in order.</summary>
internal sealed class KeyFacts
{
    public KeyFacts(IdHistory history, RunFacts run)
    {
        History = history;
        foreach (Operation operation in history.Operations)
        {
            switch (operation.Verb)
            {
                case Verb.LockRequest when operation.Outcome == "Granted":
                    AddGrant(operation);
                    break;
                case Verb.LockPublish:
                    AddPublication(operation);
                    break;
                case Verb.LockForget when !operation.IsRefused:
                    Forgettings.Add(operation);
                    break;
            }

            if (operation.End?.Value is { } value && operation.Verb != Verb.LockPublish) Sights.Add(new Sight(operation, value, operation.Start.WaitingFor is not null));
        }

        foreach (Grant grant in Grants.Values) EndLocalLease(grant, run);
    }

    public IdHistory History { get; }

    public Dictionary<(string Nonce, long FencingToken), Grant> Grants { get; } = [];

    public List<Publication> Publications { get; } = [];

    public List<Operation> Forgettings { get; } = [];

    public List<Sight> Sights { get; } = [];

    private void AddGrant(Operation request)
    {
        OperationStarted start = request.Start;
        long fencingToken = request.End!.FencingToken ?? 0;
        long end = request.From + (start.Lease ?? 0);
        if (Grants.TryGetValue((start.Token!, fencingToken), out Grant? again))
        {
            again.End = Math.Max(again.End, end); // the same request, repeated
            return;
        }

        Operation first = History.Operations.First(o => o.Verb == Verb.LockRequest && o.Start.Token == start.Token);
        Grants[(start.Token!, fencingToken)] = new Grant
        {
            Process = request.Process,
            Nonce = start.Token!,
            FencingToken = fencingToken,
            From = first.From,
            Begin = request.To,
            End = end,
            Ceiling = start.Ceiling ?? long.MaxValue,
        };
    }

    private void AddPublication(Operation attempt)
    {
        if (attempt.IsRefused) return;
        OperationStarted start = attempt.Start;
        Publication? publication = Publications.Find(p => p.FencingToken == start.FencingToken && p.Value == start.Value);
        if (publication is null)
        {
            publication = new Publication { Value = start.Value!, FencingToken = start.FencingToken ?? 0, From = attempt.From, FreshFor = start.FreshFor ?? 0 };
            Publications.Add(publication);
        }

        if (attempt.Outcome == "Accepted" || attempt.End?.Ending == Ending.NotReplicated) publication.AcceptedAt ??= attempt.To;
        else if (!attempt.IsAnswered) publication.IsOpen = true;
    }

    // An owner believes until its lease, or what renewed it, has passed; and no longer than until it begins to give the key away.
    private void EndLocalLease(Grant grant, RunFacts run)
    {
        long cut = Math.Min(run.WasKilled(grant.Process) ? run.EndOf(grant.Process) : long.MaxValue, grant.Ceiling == long.MaxValue ? long.MaxValue : grant.From + grant.Ceiling);
        foreach (Operation o in History.Operations)
        {
            bool isOurs = o.Start.Token == grant.Nonce || (o.Start.Token is null && o.Start.FencingToken == grant.FencingToken);
            switch (o.Verb)
            {
                case Verb.LockRenew when isOurs && o.Outcome == "True":
                    grant.End = Math.Max(grant.End, o.From + (o.Start.Lease ?? 0));
                    break;
                case Verb.LockRenew when isOurs && o.Outcome == "False":
                    cut = Math.Min(cut, o.To);
                    break;
                case Verb.LockPublish or Verb.LockRelease when isOurs && !o.IsRefused:
                    cut = Math.Min(cut, o.From);
                    break;
                case Verb.LockForget when !o.IsRefused && run.ReachOf(o) >= grant.From:
                    cut = Math.Min(cut, Math.Max(o.From, grant.Begin));
                    break;
            }
        }

        grant.End = Math.Min(grant.End, cut);
    }
}
