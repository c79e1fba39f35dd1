using System.CommandLine;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;
using Latchwork.Storage;
using Latchwork.Storage.Maintenance;

namespace Latchwork.Cli.Commands;

/// <summary><c>move</c></summary>
internal static class MoveCommand
{
    private static readonly TimeSpan _defaultWait = TimeSpan.FromMinutes(1);

    public static Command Create(CommandHost host)
    {
        Option<string> from = Address("--from", "The store to move from. No listener may be joined to it.");
        Option<string> to = Address("--to", "The store to move to. It may be in use.");
        Option<TimeSpan?> wait = Options.Duration("--wait", "How long to wait for leases that still run in the source. Default: 1m.", TimeSpan.Zero, TimeSpan.FromDays(1));
        var abort = new Option<bool>("--abort")
        {
            Description = "End a move that has not come to its end: what has not arrived stays in the source, which is opened again.",
        };
        var command = new Command(
            "move",
            "Move timers and keys from one store to another: all namespaces, or the one that --namespace names. The source is closed and emptied. Interrupted, run it again: it continues.")
        {
            from,
            to,
            wait,
            abort,
        };
        command.SetAction((parsed, cancellationToken) => RunAsync(
            host, parsed, new(parsed.GetValue(from)!.Trim(), parsed.GetValue(to)!.Trim(), parsed.GetValue(wait) ?? _defaultWait, parsed.GetValue(abort)), cancellationToken));
        return command;
    }

    private static Option<string> Address(string name, string description) => new(name)
    {
        Description = $"{description} sqlite:PATH or redis://host:port/db?prefix=lw:",
        HelpName = "address",
        Required = true,
    };

    private static async Task<int> RunAsync(CommandHost host, ParseResult parsed, MoveSettings settings, CancellationToken cancellationToken)
    {
        if (StoreResolver.FindPath(settings.From) is { } path && !File.Exists(path)) throw new CliException(ExitCodes.BadInput, $"'--from' names a file that does not exist: {path}");
        Printer printer = host.CreatePrinter(parsed);
        LatchworkStore source = await StoreResolver.OpenAsync(settings.From, cancellationToken).ConfigureAwait(false);
        await using (source.ConfigureAwait(false))
        {
            LatchworkStore target = await StoreResolver.OpenAsync(settings.To, cancellationToken).ConfigureAwait(false);
            await using (target.ConfigureAwait(false))
            {
                using var view = new MoveView(host.Terminal, printer);
                var move = new StoreMove(source, target, new MoveOptions
                {
                    Namespace = parsed.GetValue(host.Globals.Namespace),
                    WaitTimeout = settings.Wait,
                    Progress = view.Show,
                    Report = view.Report,
                });
                return await RunAsync(move, settings, view, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static async Task<int> RunAsync(StoreMove move, MoveSettings settings, MoveView view, CancellationToken cancellationToken)
    {
        try
        {
            await (settings.Abort ? move.AbortAsync(cancellationToken) : move.RunAsync(cancellationToken)).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
        {
            throw new CliException(ExitCodes.Interrupted, "interrupted: run the same command again to continue", e);
        }
        catch (LatchworkStoreException e)
        {
            throw new CliException(ExitCodes.Failure, $"{e.Message} Run the same command again to continue.", e);
        }

        view.Summarize();
        return ExitCodes.Done;
    }

    private sealed record MoveSettings(string From, string To, TimeSpan Wait, bool Abort);

    /// <summary>Shows how far it is, and what became of each namespace.</summary>
    private sealed class MoveView(Terminal terminal, Printer printer) : IDisposable
    {
        private static readonly TimeSpan _step = TimeSpan.FromMilliseconds(100);

        private readonly long _began = TimeProvider.System.GetTimestamp();
        private readonly bool _draws = terminal.ErrorIsInteractive && !printer.IsJson;
        private long _drawn;
        private bool _isDirty;
        private long _events;
        private long _keys;
        private int _namespaces;

        public void Show(MoveProgress progress)
        {
            string what = Printable.OneLine(progress.Unit.ToString());
            if (!_draws)
            {
                if (progress.WaitsFor is { } awaited) printer.Note($"waiting for {awaited} of {what}");
                return;
            }

            if (progress.WaitsFor is null && _drawn != 0 && TimeProvider.System.GetElapsedTime(_drawn) < _step) return;
            _drawn = TimeProvider.System.GetTimestamp();
            string count = progress.Total > 0 ? $"{Printable.Count(progress.Moved)} of {Printable.Count(progress.Total)}" : Printable.Count(progress.Moved);
            string text = progress.WaitsFor is { } wait ? $"waiting for {Printable.OneLine(wait)} of {what}" : $"moved {count} of {what}";
            terminal.Error.Write($"\r\u001b[K{text}");
            terminal.Error.Flush();
            _isDirty = true;
        }

        public void Report(MoveReport report)
        {
            Clear();
            bool isTimers = report.Unit.Kind == TransferKind.Timers;
            if (report.End == MoveEnd.Moved)
            {
                _namespaces++;
                if (isTimers) _events += report.Count;
                else _keys += report.Count;
            }

            printer.Result(
                json =>
                {
                    json.WriteString("kind", isTimers ? "timers" : "locks");
                    json.WriteString("namespace", report.Unit.Namespace);
                    json.WriteString("state", StateOf(report.End));
                    json.WriteNumber("count", report.Count);
                    json.WriteString("place", report.Place);
                },
                () => Printable.OneLine($"{report.Unit}: {Sentence(report, isTimers ? "events" : "keys")}"));
            printer.Flush();
        }

        public void Summarize()
        {
            TimeSpan elapsed = TimeProvider.System.GetElapsedTime(_began);
            if (_namespaces > 0) printer.Text($"moved {Printable.Count(_events)} events and {Printable.Count(_keys)} keys ({Printable.Duration(elapsed)})");
        }

        public void Dispose() => Clear();

        private static string StateOf(MoveEnd end) => end switch
        {
            MoveEnd.Moved => "moved",
            MoveEnd.MovedBefore => "movedBefore",
            MoveEnd.Elsewhere => "elsewhere",
            MoveEnd.Aborted => "aborted",
            _ => "untouched",
        };

        private static string Sentence(MoveReport report, string what) => report.End switch
        {
            MoveEnd.Moved => $"moved {Printable.Count(report.Count)} {what}",
            MoveEnd.MovedBefore => $"was moved before ({Printable.Count(report.Count)} {what})",
            MoveEnd.Elsewhere => $"was moved to {report.Place} before",
            MoveEnd.Aborted when report.Unit.Kind == TransferKind.Locks => "open again; the keys that had arrived stay in the target",
            MoveEnd.Aborted => $"open again; {Printable.Count(report.Count)} events had arrived and stay in the target",
            _ => "nothing to abort",
        };

        private void Clear()
        {
            if (!_isDirty) return;
            _isDirty = false;
            terminal.Error.Write("\r\u001b[K");
            terminal.Error.Flush();
        }
    }
}
