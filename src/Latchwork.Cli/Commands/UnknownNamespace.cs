using Latchwork.Storage;

namespace Latchwork.Cli.Commands;

/// <summary>Refuses a namespace that the store does not have, and says which ones there are: most often one was misspelt.</summary>
internal static class UnknownNamespace
{
    /// <summary>The most namespaces that a refusal names.</summary>
    private const int MaxNamed = 10;

    // A store in memory begins and ends with this process: nothing in it can have been misspelt.
    public static async Task CheckTimersAsync(LatchworkStore store, string ns, CancellationToken cancellationToken)
    {
        if (store is InMemoryStore) return;
        if (await store.Timers.FindAsync(ns, cancellationToken).ConfigureAwait(false) is not null) return;
        throw Refusal(store, "timer", ns, await store.Timers.NamespacesAsync(cancellationToken).ConfigureAwait(false), "'latchwork timer post' makes one");
    }

    /// <summary>The same for keys. A store that cannot list them (the one in memory) has all.</summary>
    public static async Task CheckLocksAsync(LatchworkStore store, string ns, CancellationToken cancellationToken)
    {
        if (store.Maintenance is not { } maintenance) return;
        IReadOnlyList<NamespaceRef> all = await maintenance.ListAsync(cancellationToken).ConfigureAwait(false);
        string[] known = [.. all.Where(static one => one.Kind == TransferKind.Locks).Select(static one => one.Namespace)];
        if (!known.Contains(ns)) throw Refusal(store, "lock", ns, known, "'latchwork once' makes one");
    }

    /// <summary>What a command about both says.</summary>
    public static async Task CheckAnyAsync(LatchworkStore store, string ns, CancellationToken cancellationToken)
    {
        if (store.Maintenance is not { } maintenance) return;
        IReadOnlyList<NamespaceRef> all = await maintenance.ListAsync(cancellationToken).ConfigureAwait(false);
        string[] known = [.. all.Select(static one => one.Namespace).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (!known.Contains(ns)) throw Refusal(store, "timer or lock", ns, known, "'latchwork timer post' or 'latchwork once' makes one");
    }

    public static CliException Refusal(LatchworkStore store, string kind, string ns, IReadOnlyList<string> known, string remedy)
    {
        string names = string.Join(", ", known.Take(MaxNamed).Select(static one => $"'{one}'"));
        string more = known.Count > MaxNamed ? $" and {known.Count - MaxNamed} more" : "";
        string there = known.Count == 0 ? $"There is none yet: {remedy}" : $"Namespaces: {names}{more}";
        return new CliException(ExitCodes.NotFound, $"there is no {kind} namespace '{ns}' in {store.Description}. {there}");
    }
}
