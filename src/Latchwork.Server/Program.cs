using System.Runtime.InteropServices;
using Latchwork.Server;

// The first Ctrl-C or SIGTERM asks to stop: waits and streams end, requests get a few seconds. With the second the process dies.
using var stop = new CancellationTokenSource();
int isInterrupted = 0;

void OnSignal(PosixSignalContext context)
{
    context.Cancel = !stop.IsCancellationRequested;
    if (context.Signal == PosixSignal.SIGINT) Volatile.Write(ref isInterrupted, 1);
    stop.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnSignal);

int exitCode = await ServerApplication.RunAsync(args, UserEnvironment.OfProcess(), Console.Out, Console.Error, stop.Token).ConfigureAwait(false);

// To be stopped is its normal end.
return exitCode == ExitCodes.Done && Volatile.Read(ref isInterrupted) == 1 ? ExitCodes.Interrupted : exitCode;
