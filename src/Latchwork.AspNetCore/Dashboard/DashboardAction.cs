namespace Latchwork.Dashboard;

/// <summary>Whose names an action needs.</summary>
internal enum ActionTarget
{
    /// <summary>The namespace itself.</summary>
    Namespace = 0,

    /// <summary>Events, at least one.</summary>
    Events = 1,

    /// <summary>All dead letters of a filter.</summary>
    AllDeadLetters = 2,

    /// <summary>One schedule.</summary>
    Schedule = 3,

    /// <summary>One key of a locker.</summary>
    Key = 4,

    /// <summary>An event that is made.</summary>
    NewEvent = 5,
}

/// <summary>An action of the dashboard.</summary>
/// <param name="Name">Its name in addresses and logs.</param>
/// <param name="Title">What the button says.</param>
/// <param name="Target">Whose names it needs.</param>
/// <param name="Meaning">What it means, in a sentence for whoever confirms it.</param>
/// <param name="Back">The page that is shown afterwards.</param>
/// <param name="RunAsync">Does it, and says how many it was done to.</param>
internal sealed record DashboardAction(
    string Name, string Title, ActionTarget Target, string Meaning, string Back, Func<DashboardRuntime, ActionRequest, string, CancellationToken, Task<long>> RunAsync)
{
    /// <summary>Whether what it does cannot be undone.</summary>
    public bool IsFinal { get; init; }

    /// <summary>Whether it needs a delay.</summary>
    public bool NeedsDelay { get; init; }

    /// <summary>Whether a reason is asked for.</summary>
    public bool AsksWhy { get; init; }
}
