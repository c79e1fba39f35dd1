using System.CommandLine;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary>What a running command works with.</summary>
/// <param name="Terminal">The outside.</param>
/// <param name="Printer">Where results go.</param>
/// <param name="Store">The store.</param>
/// <param name="Timer">The timers of the namespace.</param>
/// <param name="Stop">Asks to stop gracefully.</param>
internal sealed record TimerSession(Terminal Terminal, Printer Printer, LatchworkStore Store, DistributedTimer Timer, CancellationToken Stop);

/// <summary>What a running command about keys works with.</summary>
/// <param name="Terminal">The outside.</param>
/// <param name="Printer">Where results go.</param>
/// <param name="Store">The store.</param>
/// <param name="Locker">The locker of the namespace.</param>
/// <param name="Stop">Asks to stop gracefully.</param>
internal sealed record LockSession(Terminal Terminal, Printer Printer, LatchworkStore Store, ProcessLocker Locker, CancellationToken Stop);

/// <summary>Gives commands their store, their timers or locks, and their printer, and disposes of them.</summary>
internal sealed class CommandHost
{
    public CommandHost(Terminal terminal, GlobalOptions globals)
    {
        Terminal = terminal;
        Globals = globals;
    }

    public Terminal Terminal { get; }

    public GlobalOptions Globals { get; }

    public Printer CreatePrinter(ParseResult parsed) => new(Terminal, parsed.GetValue(Globals.Json));

    /// <summary>Makes <paramref name="body"/> what <paramref name="command"/> does.</summary>
    public void OnRun(Command command, Func<ParseResult, TimerSession, Task<int>> body, Action<ParseResult, TimerOptions>? configure = null) =>
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed, session => body(parsed, session), options => configure?.Invoke(parsed, options), cancellationToken));

    /// <summary>Makes <paramref name="body"/> what <paramref name="command"/>, which is about keys, does.</summary>
    public void OnRun(Command command, Func<LockSession, ParseResult, Task<int>> body, Action<ParseResult, LockerOptions>? configure = null) =>
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed, session => body(session, parsed), options => configure?.Invoke(parsed, options), cancellationToken));

    private async Task<int> RunAsync(ParseResult parsed, Func<LockSession, Task<int>> body, Action<LockerOptions> configure, CancellationToken cancellationToken)
    {
        var options = new LockerOptions { Namespace = parsed.GetValue(Globals.Namespace) ?? LockerOptions.DefaultNamespace };
        configure(options);
        string address = StoreResolver.Find(parsed.GetValue(Globals.Store), Terminal);
        LatchworkStore store = await StoreResolver.OpenAsync(address, cancellationToken).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            var locker = new ProcessLocker(store, options);
            await using (locker.ConfigureAwait(false))
            {
                return await body(new LockSession(Terminal, CreatePrinter(parsed), store, locker, cancellationToken)).ConfigureAwait(false);
            }
        }
    }

    private async Task<int> RunAsync(ParseResult parsed, Func<TimerSession, Task<int>> body, Action<TimerOptions> configure, CancellationToken cancellationToken)
    {
        string address = StoreResolver.Find(parsed.GetValue(Globals.Store), Terminal);
        var options = new TimerOptions { Namespace = parsed.GetValue(Globals.Namespace) ?? TimerOptions.DefaultNamespace };
        configure(options);
        LatchworkStore store = await StoreResolver.OpenAsync(address, cancellationToken).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            var timer = new DistributedTimer(store, options);
            await using (timer.ConfigureAwait(false))
            {
                return await body(new TimerSession(Terminal, CreatePrinter(parsed), store, timer, cancellationToken)).ConfigureAwait(false);
            }
        }
    }
}
