using System.CommandLine;
using Latchwork.Cli.Output;
using Microsoft.Extensions.Logging;

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
    /// <summary>What must be there for a command.</summary>
    private enum Needs
    {
        /// <summary>It makes what it needs.</summary>
        Nothing,

        /// <summary>The store.</summary>
        Store,

        /// <summary>The store, and in it the namespace.</summary>
        Namespace,
    }

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
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed, Needs.Nothing, session => body(parsed, session), options => configure?.Invoke(parsed, options), cancellationToken));

    /// <summary>
    /// Makes <paramref name="body"/> what <paramref name="command"/> does, which reads what is there, or changes it: it makes neither a file nor a
    /// namespace, and says so if there is none.
    /// </summary>
    /// <param name="command">The command.</param>
    /// <param name="body">What it does.</param>
    /// <param name="ofAllNamespaces">Whether it is about all namespaces, so that there need not be the one that is named.</param>
    public void OnLook(Command command, Func<ParseResult, TimerSession, Task<int>> body, Func<ParseResult, bool>? ofAllNamespaces = null) =>
        command.SetAction((parsed, cancellationToken) => RunAsync(
            parsed, ofAllNamespaces?.Invoke(parsed) == true ? Needs.Store : Needs.Namespace, session => body(parsed, session), static _ => { }, cancellationToken));

    /// <summary>Makes <paramref name="body"/> what <paramref name="command"/>, which is about keys, does.</summary>
    public void OnRun(Command command, Func<LockSession, ParseResult, Task<int>> body, Action<ParseResult, LockerOptions>? configure = null) =>
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed, Needs.Nothing, session => body(session, parsed), options => configure?.Invoke(parsed, options), cancellationToken));

    /// <summary>The same for a command that is about keys.</summary>
    public void OnLook(Command command, Func<LockSession, ParseResult, Task<int>> body) =>
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed, Needs.Namespace, session => body(session, parsed), static _ => { }, cancellationToken));

    /// <summary>Opens the store that a command line names.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="mustExist">Whether a file that is not there is an error, and not made.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="log">Where the store logs; null for nowhere.</param>
    public Task<LatchworkStore> OpenStoreAsync(ParseResult parsed, bool mustExist, CancellationToken cancellationToken, ILoggerFactory? log = null) =>
        StoreResolver.OpenAsync(StoreResolver.Find(parsed.GetValue(Globals.Store), Terminal.User, mustExist), mustExist, cancellationToken, log);

    private async Task<int> RunAsync(ParseResult parsed, Needs needs, Func<LockSession, Task<int>> body, Action<LockerOptions> configure, CancellationToken cancellationToken)
    {
        var options = new LockerOptions { Namespace = parsed.GetValue(Globals.Namespace) ?? LockerOptions.DefaultNamespace };
        configure(options);
        LatchworkStore store = await OpenStoreAsync(parsed, needs != Needs.Nothing, cancellationToken).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            if (needs == Needs.Namespace) await UnknownNamespace.CheckLocksAsync(store, options.Namespace, cancellationToken).ConfigureAwait(false);
            var locker = new ProcessLocker(store, options);
            await using (locker.ConfigureAwait(false))
            {
                return await body(new LockSession(Terminal, CreatePrinter(parsed), store, locker, cancellationToken)).ConfigureAwait(false);
            }
        }
    }

    private async Task<int> RunAsync(ParseResult parsed, Needs needs, Func<TimerSession, Task<int>> body, Action<TimerOptions> configure, CancellationToken cancellationToken)
    {
        TimerOptions options = new TimerOptions { Namespace = parsed.GetValue(Globals.Namespace) ?? TimerOptions.DefaultNamespace }.KeepDeadLetters();
        configure(options);
        LatchworkStore store = await OpenStoreAsync(parsed, needs != Needs.Nothing, cancellationToken, options.LoggerFactory).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            if (needs == Needs.Namespace) await UnknownNamespace.CheckTimersAsync(store, options.Namespace, cancellationToken).ConfigureAwait(false);
            var timer = new DistributedTimer(store, options);
            await using (timer.ConfigureAwait(false))
            {
                return await body(new TimerSession(Terminal, CreatePrinter(parsed), store, timer, cancellationToken)).ConfigureAwait(false);
            }
        }
    }
}
