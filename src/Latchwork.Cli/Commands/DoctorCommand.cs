using System.CommandLine;
using Latchwork.Cli.Output;
using Latchwork.Storage;

namespace Latchwork.Cli.Commands;

/// <summary><c>doctor [NAMESPACE] [--fix]</c></summary>
internal static class DoctorCommand
{
    /// <summary>The most names that a line of the summary gives.</summary>
    private const int MaxNamed = 5;

    public static Command Create(CommandHost host)
    {
        var ns = new Argument<string?>("namespace") { Description = "Only this namespace. Default: all of the store.", Arity = ArgumentArity.ZeroOrOne };
        var fix = new Option<bool>("--fix") { Description = "Mend what can be mended; listeners may be at work." };
        var command = new Command("doctor", "Examine a store for damage, and say what it is and what to do. Exit code 0 if nothing is wrong (any more), 1 if something is.") { ns, fix };
        command.SetAction((parsed, stop) => RunAsync(host, parsed, parsed.GetValue(ns), parsed.GetValue(fix), stop));
        return command;
    }

    private static async Task<int> RunAsync(CommandHost host, ParseResult parsed, string? ns, bool fix, CancellationToken stop)
    {
        Printer printer = host.CreatePrinter(parsed);
        LatchworkStore store = await StoreResolver.OpenAsync(StoreResolver.Find(parsed.GetValue(host.Globals.Store), host.Terminal), stop).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            var sums = new Dictionary<(TransferUnit? Unit, DoctorProblem Problem, bool IsMended, string Detail), Sum>();
            if (store.Doctor is { } doctor)
            {
                await foreach (DoctorFinding finding in doctor.ExamineAsync(ns, fix, stop).ConfigureAwait(false))
                {
                    // What is lost is named in full, as it goes.
                    if (finding is { Problem: DoctorProblem.MissingPayload, IsMended: true })
                        foreach (string id in finding.Names) printer.Text(Printable.OneLine($"removed what was left of '{id}' of {finding.Unit}: its payload is lost"));
                    var key = (finding.Unit, finding.Problem, finding.IsMended, finding.Detail);
                    if (!sums.TryGetValue(key, out Sum? sum)) sums.Add(key, sum = new Sum());
                    sum.Add(finding.Names);
                    if (printer.IsJson) WriteJson(printer, finding);
                }
            }

            foreach (((TransferUnit? unit, DoctorProblem problem, bool isMended, string detail), Sum sum) in sums)
                printer.Text(Printable.OneLine(Describe(unit, problem, isMended, detail, sum, fix)));
            if (sums.Count == 0) printer.Text("nothing is wrong");
            return sums.Keys.All(static key => key.IsMended) ? ExitCodes.Done : ExitCodes.Failure;
        }
    }

    private static void WriteJson(Printer printer, DoctorFinding finding) => printer.Json(json =>
    {
        json.WriteString("problem", char.ToLowerInvariant(finding.Problem.ToString()[0]) + finding.Problem.ToString()[1..]);
        if (finding.Unit is { } unit)
        {
            json.WriteString("kind", unit.Kind == TransferKind.Timers ? "timers" : "locks");
            json.WriteString("namespace", unit.Namespace);
        }

        json.WriteBoolean("mended", finding.IsMended);
        json.WriteStartArray("names");
        foreach (string name in finding.Names) json.WriteStringValue(name);
        json.WriteEndArray();
        if (finding.Detail.Length > 0) json.WriteString("detail", finding.Detail);
    });

    private static string Describe(TransferUnit? unit, DoctorProblem problem, bool isMended, string detail, Sum sum, bool fix)
    {
        (string what, string remedy, bool canMend) = Explain(problem);
        string count = sum.Count > 0 ? $"{Printable.Count(sum.Count)} × " : "";
        string names = sum.Names.Count > 0 ? $" ({string.Join(", ", sum.Names.Select(name => $"'{name}'"))}{(sum.Count > sum.Names.Count ? ", …" : "")})" : "";
        string more = detail.Length > 0 ? $"; {detail}" : "";
        string end = isMended ? $"mended: {remedy}" : canMend && !fix ? $"'--fix': {remedy}" : remedy;
        return $"{(unit is { } one ? $"{one}: " : "")}{count}{what}{names}{more}. {char.ToUpperInvariant(end[0])}{end[1..]}.";
    }

    private static (string What, string Remedy, bool CanMend) Explain(DoctorProblem problem) => problem switch
    {
        DoctorProblem.OrphanPayload => ("a payload of an event that is in no state, so it will never be delivered", "it is put among the dead, from where it can be requeued", true),
        DoctorProblem.MissingPayload => ("an event without its payload: what was in it is lost", "what is left of it is removed", true),
        DoctorProblem.SeveralStates => ("an event that is in several states at once", "it stays in one: alive rather than dead, in flight under a lease rather than scheduled", true),
        DoctorProblem.MissingLease => ("an event in flight without a lease, so nobody can confirm it", "it is scheduled, due now", true),
        DoctorProblem.EndlessLease => ("an event with a lease that never runs out, so it would be held for ever", "the lease is over, and whoever listens takes it back", true),
        DoctorProblem.LeaseLongOver => ("a lease that ran out more than ten minutes ago", "whoever listens takes the event back: does anybody?", false),
        DoctorProblem.LeftoverRecord => ("a record about an event that is gone", "it is dropped", true),
        DoctorProblem.LostNode => ("a node that was silent for two hours and is still on a list", "it is taken off", true),
        DoctorProblem.WrongPartition => ("an event in a partition to which it does not belong, so no call finds it by its id", "it is moved to the right one", true),
        DoctorProblem.StrayPartition => ("events in a partition that is none of the namespace", "nothing was changed", false),
        DoctorProblem.OtherLayout => ("a partition with another layout", "nothing was changed", false),
        DoctorProblem.UnfinishedRepartition => ("a change of the number of partitions that has not come to its end; clients are refused", "nothing was changed", false),
        DoctorProblem.UnfinishedMove => ("a move that has not come to its end", "nothing was changed", false),
        DoctorProblem.LeftoverJournal => ("the journal of a move that is over", "it is dropped", true),
        DoctorProblem.EndlessLock => ("a key that would be kept for ever", "it expires after a day", true),
        DoctorProblem.WrongCount => ("counts that are not those of the events", "they are put right", true),
        DoctorProblem.DamagedFile => ("damage of the file itself", "stop everything, keep a copy of the file, and save what can be read with 'sqlite3 FILE .recover'", false),
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
