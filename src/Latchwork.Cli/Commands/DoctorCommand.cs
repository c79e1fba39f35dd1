using System.CommandLine;
using Latchwork.Cli.Output;
using Latchwork.Storage;

namespace Latchwork.Cli.Commands;

/// <summary><c>checker [NAMESPACE] [--fix]</c></summary>
internal static class DoctorCommand
{
    /// <summary>The most names that a line of the summary gives.</summary>
    private const int MaxNamed = 5;

    public static Command Create(CommandHost host)
    {
        var ns = new Argument<string?>("namespace") { Description = "Only this namespace. Default: all of the store.", Arity = ArgumentArity.ZeroOrOne };
        var fix = new Option<bool>("--fix") { Description = "Repair what can be repaired; listeners may be at work." };
        var command = new Command("doctor", "Examine a store for damage, and say what it is and what to do. Exit code 0 if nothing is wrong (any more), 1 if something is.") { ns, fix };
        command.SetAction((parsed, cancellationToken) => RunAsync(host, parsed, parsed.GetValue(ns), parsed.GetValue(fix), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(CommandHost host, ParseResult parsed, string? ns, bool fix, CancellationToken cancellationToken)
    {
        Printer printer = host.CreatePrinter(parsed);
        LatchworkStore store = await host.OpenStoreAsync(parsed, mustExist: true, cancellationToken).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            if (ns is not null) await UnknownNamespace.CheckAnyAsync(store, ns, cancellationToken).ConfigureAwait(false);
            var sums = new Dictionary<(NamespaceRef? Unit, StoreProblem Problem, bool IsRepaired, string Detail), Sum>();
            if (store.Maintenance is { } maintenance)
            {
                await foreach (StoreFinding finding in maintenance.ExamineAsync(ns, fix, cancellationToken).ConfigureAwait(false))
                {
                    // What is lost is named in full, as it goes.
                    if (finding is { Problem: StoreProblem.MissingPayload, IsRepaired: true })
                        foreach (string id in finding.Names) printer.Text(Printable.OneLine($"removed what was left of '{id}' of {finding.Unit}: its payload is lost"));
                    var key = (finding.Unit, finding.Problem, finding.IsRepaired, finding.Detail);
                    if (!sums.TryGetValue(key, out Sum? sum)) sums.Add(key, sum = new Sum());
                    sum.Add(finding.Names);
                    if (printer.IsJson) WriteJson(printer, finding);
                }
            }

            foreach (((NamespaceRef? unit, StoreProblem problem, bool isRepaired, string detail), Sum sum) in sums)
                printer.Text(Printable.OneLine(Describe(unit, problem, isRepaired, detail, sum, fix)));
            if (sums.Count == 0) printer.Text("nothing is wrong");
            return sums.Keys.All(static key => key.IsRepaired) ? ExitCodes.Done : ExitCodes.Failure;
        }
    }

    private static void WriteJson(Printer printer, StoreFinding finding) => printer.Json(json =>
    {
        json.WriteString("problem", char.ToLowerInvariant(finding.Problem.ToString()[0]) + finding.Problem.ToString()[1..]);
        if (finding.Unit is { } unit)
        {
            json.WriteString("kind", unit.Kind == TransferKind.Timers ? "timers" : "locks");
            json.WriteString("namespace", unit.Namespace);
        }

        json.WriteBoolean("repaired", finding.IsRepaired);
        json.WriteStartArray("names");
        foreach (string name in finding.Names) json.WriteStringValue(name);
        json.WriteEndArray();
        if (finding.Detail.Length > 0) json.WriteString("detail", finding.Detail);
    });

    private static string Describe(NamespaceRef? unit, StoreProblem problem, bool isRepaired, string detail, Sum sum, bool fix)
    {
        (string what, string remedy, bool canRepair) = Explain(problem);
        string count = sum.Count > 0 ? $"{Printable.Count(sum.Count)} × " : "";
        string names = sum.Names.Count > 0 ? $" ({string.Join(", ", sum.Names.Select(name => $"'{name}'"))}{(sum.Count > sum.Names.Count ? ", …" : "")})" : "";
        string more = detail.Length > 0 ? $"; {detail}" : "";
        string end = isRepaired ? $"repaired: {remedy}" : canRepair && !fix ? $"'--fix': {remedy}" : remedy;
        return $"{(unit is { } one ? $"{one}: " : "")}{count}{what}{names}{more}. {char.ToUpperInvariant(end[0])}{end[1..]}.";
    }

    private static (string What, string Remedy, bool CanRepair) Explain(StoreProblem problem) => problem switch
    {
        StoreProblem.OrphanPayload => ("a payload of an event that is in no state, so it will never be delivered", "it is put among the dead letters, from where it can be requeued", true),
        StoreProblem.MissingPayload => ("an event without its payload: what was in it is lost", "what is left of it is removed", true),
        StoreProblem.SeveralStates => ("an event that is in several states at the same time", "it stays in one: in flight or scheduled rather than dead-lettered, in flight under a lease rather than scheduled", true),
        StoreProblem.MissingLease => ("an event in flight without a lease, so nobody can confirm it", "it is scheduled, due now", true),
        StoreProblem.EndlessLease => ("an event with a lease that never runs out, so it would be held forever", "the lease is over, and whoever listens takes it back", true),
        StoreProblem.LeaseLongOver => ("a lease that ran out more than ten minutes ago", "whoever listens takes the event back: does anybody?", false),
        StoreProblem.LeftoverRecord => ("a record about an event that is gone", "it is dropped", true),
        StoreProblem.LostNode => ("a node that was silent for two hours and is still on a list", "it is taken off", true),
        StoreProblem.WrongPartition => ("an event in a partition to which it does not belong, so no call finds it by its id", "it is moved to the right one", true),
        StoreProblem.StrayPartition => ("events in a partition that is none of the namespace", "nothing was changed", false),
        StoreProblem.OtherLayout => ("a partition with another layout", "nothing was changed", false),
        StoreProblem.UnfinishedRepartition => ("a change of the number of partitions that has not come to its end; clients are refused", "nothing was changed", false),
        StoreProblem.UnfinishedMove => ("a move that has not come to its end", "nothing was changed", false),
        StoreProblem.LeftoverJournal => ("the journal of a move that is over", "it is dropped", true),
        StoreProblem.EndlessLock => ("a key that would be kept forever", "it expires after a day", true),
        StoreProblem.WrongCount => ("counts that are not those of the events", "they are put right", true),
        StoreProblem.DamagedFile => ("damage of the file itself", "stop everything, keep a copy of the file, and save what can be read with 'sqlite3 FILE .recover'", false),
        StoreProblem.DamagedRecord => ("a scheduled event whose record cannot be read", "it is put among the dead letters, where what is left of it is shown", true),
        StoreProblem.DamagedSchedule => ("a schedule that cannot be read, or not be evaluated here", "declare it anew, or remove it", false),
        StoreProblem.NoExpectedOccurrence => ("a schedule that expects no occurrence", "the next one is posted, as whoever listens does within some 10 s", true),
        StoreProblem.MissingOccurrence => ("a schedule whose next occurrence does not exist", "it is posted, as whoever listens does within some 10 s", true),
        StoreProblem.StrayOccurrence => ("an occurrence that no schedule knows", "it is delivered like any other event: cancel it if that is not wanted", false),
        StoreProblem.DamagedOccurrences => ("a schedule whose last occurrences cannot be read", "they are dropped, and what is running is not known to occupy the schedule", true),
        _ => ($"'{problem}', which this version does not know", "nothing was changed", false),
    };

    private sealed class Sum
    {
        public long Count { get; private set; }

        public List<string> Names { get; } = [];

        public void Add(IReadOnlyList<string> names)
        {
            Count += names.Count;
            Names.AddRange(names.Take(MaxNamed - Names.Count));
        }
    }
}
