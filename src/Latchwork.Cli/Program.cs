using System.Runtime.InteropServices;
using Latchwork.Cli;
using Latchwork.Cli.Demo;
using Latchwork.Cli.Once;

// The child that becomes a command: on this thread, and before anything else, for it is in the way of every command.
if (args is [CommandLauncher.Verb, ..]) return CommandLauncher.Run(args.AsSpan(1));

// A node of the demo: it ends when its demo says so, or dies with it.
if (args is [NodeProgram.Verb]) return await NodeProgram.RunAsync().ConfigureAwait(false);

// The first Ctrl-C or SIGTERM asks to stop, and listeners leave gracefully. The second cuts that short. From the third on the process dies.
using var stop = new CancellationTokenSource();
using var hurry = new CancellationTokenSource();
int stopSignal = 0;

void OnSignal(PosixSignalContext context)
{
    int signal = context.Signal switch { PosixSignal.SIGHUP => 1, PosixSignal.SIGTERM => 15, _ => ExitCodes.Interrupt };
    Interlocked.CompareExchange(ref stopSignal, signal, 0);
    context.Cancel = !hurry.IsCancellationRequested;
    if (stop.IsCancellationRequested) hurry.Cancel();
    else stop.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal);

return await CliApplication.RunAsync(args, Terminal.OfProcess(args.Length, () => Volatile.Read(ref stopSignal), hurry.Token), stop.Token).ConfigureAwait(false);
