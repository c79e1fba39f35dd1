using System.CommandLine;

namespace Latchwork.Cli.Commands;

/// <summary>An example for the help of each command, in one place, so that they fit together.</summary>
internal static class HelpExamples
{
    private static readonly Dictionary<string, string> _examples = new()
    {
        ["demo"] = "demo --store redis://localhost:6379",
        ["timer post"] = "timer post -n order-unpaid --id 41 --in 15m --data '{\"total\": 12}'",
        ["timer listen"] = "timer listen -n order-unpaid --exec './remind.sh'",
        ["timer peek"] = "timer peek -n order-unpaid 41",
        ["timer cancel"] = "timer cancel -n order-unpaid 41",
        ["timer delay"] = "timer delay -n order-unpaid 41 1h30m",
        ["timer confirm"] = "timer confirm -n order-unpaid 41 --token TOKEN",
        ["timer upcoming"] = "timer upcoming -n order-unpaid --duration 1h --limit 20",
        ["timer in-flight"] = "timer in-flight -n order-unpaid --limit 20",
        ["timer completed"] = "timer completed -n order-unpaid --limit 20",
        ["timer dead-letters list"] = "timer dead-letters list -n order-unpaid --reason retriesExhausted",
        ["timer dead-letters requeue"] = "timer dead-letters requeue -n order-unpaid 41 --in 10m",
        ["timer dead-letters purge"] = "timer dead-letters purge -n order-unpaid --older-than 30d",
        ["timer namespaces"] = "timer namespaces --store redis://localhost:6379",
        ["timer nodes"] = "timer nodes --all",
        ["timer stats"] = "timer stats --all",
        ["timer watch"] = "timer watch order-unpaid",
        ["timer pause"] = "timer pause -n order-unpaid --reason migration",
        ["timer resume"] = "timer resume -n order-unpaid",
        ["timer repartition"] = "timer repartition order-unpaid --to 12 --store redis://localhost:6379",
        ["timer drop"] = "timer drop order-unpaid --force",
        ["store migrate"] = "store migrate --store postgres://shop@localhost/shop",
        ["schedule put"] = "schedule put -n reports stock --every 1h30m",
        ["schedule list"] = "schedule list -n reports",
        ["schedule show"] = "schedule show -n reports nightly",
        ["schedule remove"] = "schedule remove -n reports nightly",
        ["schedule pause"] = "schedule pause -n reports nightly",
        ["schedule resume"] = "schedule resume -n reports nightly",
        ["schedule trigger"] = "schedule trigger -n reports nightly",
        ["schedule next"] = "schedule next -n reports nightly --count 10",
        ["once"] = "once nightly-report --result-for 12h -- ./report.sh",
        ["lock peek"] = "lock peek nightly-report",
        ["lock list"] = "lock list --store redis://localhost:6379",
        ["lock stats"] = "lock stats --store redis://localhost:6379",
        ["lock forget"] = "lock forget nightly-report",
        ["move"] = "move --from sqlite:latchwork.db --to redis://localhost:6379",
        ["top"] = "top --store redis://localhost:6379",
        ["doctor"] = "doctor --fix",
        ["completion"] = "completion bash",
    };

    /// <summary>Adds to each command its example.</summary>
    public static void AddTo(Command root) => AddTo(root, "");

    private static void AddTo(Command parent, string path)
    {
        foreach (Command command in parent.Subcommands)
        {
            string name = path.Length == 0 ? command.Name : $"{path} {command.Name}";
            if (_examples.TryGetValue(name, out string? example)) command.Description += $" Example: {LatchworkCommand.Name} {example}";
            AddTo(command, name);
        }
    }
}
