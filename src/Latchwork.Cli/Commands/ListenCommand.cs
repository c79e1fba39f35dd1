using System.CommandLine;
using Latchwork.Cli.Input;
using Latchwork.Cli.Listening;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer listen</c></summary>
internal static class ListenCommand
{
    public static Command Create(CommandHost host)
    {
        Option<int?> count = Options.Number("--count", "End after this many deliveries. Default: continue until stopped.", 1, int.MaxValue);
        Option<TimeSpan?> timeout = Options.Duration(
            "--timeout", "End after this time; with --count, failing (exit code 5) if it was not reached.", TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(24));
        Option<int?> maxEvents = Options.Number("--max-events", "The most events that one claim takes.", TimerOptions.Set, nameof(TimerOptions.MaxEvents));
        Option<int?> maxInFlight = Options.Number(
            "--max-in-flight", $"The most events held, and handled, at a time. Default: {TimerOptions.DefaultMaxConcurrency}.", TimerOptions.Set, nameof(TimerOptions.MaxInFlight));
        Option<TimeSpan?> lease = Options.Duration(
            "--lease", "The lease: after it, the events of a dead listener go to others.", TimerOptions.Set, nameof(TimerOptions.LeaseDuration));
        Option<TimeSpan?> keepCompleted = Options.Duration(
            "--keep-completed",
            "How long confirmed events stay in 'timer completed' and 'timer peek'. Default: not at all.",
            TimerOptions.Set,
            nameof(TimerOptions.CompletedRetention));
        Option<string?> node = Options.Id("--node", "This node's id, unique among the listeners. Default: a generated one.");
        var exec = new Option<string?>("--exec")
        {
            Description = "Run this shell command for each delivery, with its data on standard input and LATCHWORK_ID, _NAMESPACE, _RETRIES, "
                + "_MAX_RETRIES, _TOKEN, _DUE and _LATENESS_MS in its environment. Exit code 0 confirms, any other retries.",
            HelpName = "cmd",
        };
        var noConfirm = new Option<bool>("--no-confirm") { Description = "Print only; 'timer confirm' with the token confirms, or the lease runs out." };
        var command = new Command("listen", "Receive events when they are due, and print them.")
        {
            count, timeout, maxEvents, maxInFlight, lease, keepCompleted, node, exec, noConfirm,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(exec) is not null && result.GetValue(noConfirm)) result.AddError("'--exec' and '--no-confirm' exclude each other");
            if (result.GetResult(exec) is not null && string.IsNullOrWhiteSpace(result.GetValue(exec))) result.AddError("'--exec' is empty");
        });
        host.OnRun(
            command,
            (parsed, session) => new ConsoleListener(session, new ListenSettings
            {
                Count = parsed.GetValue(count),
                Timeout = parsed.GetValue(timeout),
                MaxConcurrency = MostAtOnce(parsed.GetValue(maxInFlight), parsed.GetValue(count)),
                Command = parsed.GetValue(exec),
                Confirm = !parsed.GetValue(noConfirm),
            }).RunAsync(),
            (parsed, options) =>
            {
                options.NodeId = parsed.GetValue(node);
                options.LoggerFactory = new ListenLog(host.CreatePrinter(parsed));
                // A listener that wants five takes no sixth from the others.
                options.MaxInFlight = MostAtOnce(parsed.GetValue(maxInFlight), parsed.GetValue(count));
                options.MaxConcurrency = options.MaxInFlight;
                options.MaxEvents = Math.Min(parsed.GetValue(maxEvents) ?? TimerOptions.DefaultMaxEvents, options.MaxInFlight);
                options.LeaseDuration = parsed.GetValue(lease) ?? options.LeaseDuration;
                options.CompletedRetention = parsed.GetValue(keepCompleted) ?? options.CompletedRetention;
                options.Confirmation = parsed.GetValue(noConfirm) ? Confirmation.Manual : Confirmation.AfterHandler;
            });
        return command;
    }

    private static int MostAtOnce(int? maxInFlight, int? count) => Math.Min(maxInFlight ?? TimerOptions.DefaultMaxConcurrency, count ?? int.MaxValue);
}
