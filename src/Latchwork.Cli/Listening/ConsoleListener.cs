using Latchwork.Cli.Commands;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Listening;

/// <summary>Listens until enough came, time is up, or the user says stop; then leaves and hands the rest back.</summary>
internal sealed class ConsoleListener
{
    private readonly TimerSession _session;
    private readonly ListenSettings _settings;
    private readonly DeliveryCounter _counter;
    private int _handedBack;
    private readonly TaskCompletionSource<OutputFailedException> _outputGone = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ConsoleListener(TimerSession session, ListenSettings settings)
    {
        _session = session;
        _settings = settings;
        _counter = new DeliveryCounter(settings.Count, settings.MaxConcurrency);
    }

    public async Task<int> RunAsync()
    {
        DistributedTimer timer = _session.Timer;
        await timer.JoinAsync(HandleAsync, _session.Stop).ConfigureAwait(false);
        _session.Printer.Note($"listening to '{timer.Namespace}' on {_session.Store.Description} as {timer.NodeId}; Ctrl-C leaves");

        await WaitAsync().ConfigureAwait(false);

        Task leaving = timer.LeaveAsync(_session.Terminal.Hurry);
        _counter.Release();
        await leaving.ConfigureAwait(false);
        return Conclude();
    }

    private async Task WaitAsync()
    {
        using var timeout = _settings.Timeout is { } time ? new CancellationTokenSource(time, TimeProvider.System) : new CancellationTokenSource();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(_session.Stop, timeout.Token);
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration registration = end.Token.Register(() => stopped.TrySetResult());
        await Task.WhenAny(_counter.Reached, _outputGone.Task, stopped.Task).ConfigureAwait(false);
    }

    private int Conclude()
    {
        if (_outputGone.Task.IsCompleted)
        {
            OutputFailedException gone = _outputGone.Task.Result;
            string unseen = _handedBack == 0 ? "" : $"; {_handedBack} that could not be printed {(_handedBack == 1 ? "was" : "were")} handed back, with no retry spent";
            throw new CliException(ExitCodes.Failure, $"{gone.Message}, so listening ended{unseen}", gone);
        }

        // A listener that its service manager asks to end has done what it is for.
        bool isInterrupted = _session.Stop.IsCancellationRequested && _session.Terminal.StopSignal() == ExitCodes.Interrupt;
        if (_settings.Count is { } count ? _counter.Settled >= count : !isInterrupted) return ExitCodes.Done;
        if (_session.Stop.IsCancellationRequested) return isInterrupted ? ExitCodes.Interrupted : ExitCodes.Done;
        _session.Printer.Fail($"timed out after {_counter.Settled} of {_settings.Count} deliveries");
        return ExitCodes.TimedOut;
    }

    private async Task HandleAsync(TimerDelivery delivery, CancellationToken cancellationToken)
    {
        // A command that was begun may finish when the user says stop, and is killed when there is no time left.
        CancellationToken stopping = delivery.Lost;
        try
        {
            DeliveryOutput.Write(_session.Printer, _session.Timer, delivery);
        }
        catch (OutputFailedException e)
        {
            // Nobody has seen it. It is handed back when the node has begun to leave, and claims nothing more: else it would come back here.
            _outputGone.TrySetResult(e);
            await _counter.Released.ConfigureAwait(false);
            await delivery.ReleaseAsync(delivery.Deadline, CancellationToken.None).ConfigureAwait(false);
            Interlocked.Increment(ref _handedBack);
            return;
        }

        if (_settings.Command is { } command) await ExecuteAsync(command, delivery, stopping).ConfigureAwait(false);
        else if (_settings.Confirm) await ConfirmAsync(delivery, stopping).ConfigureAwait(false);
        if (_outputGone.Task.IsCompleted) await _counter.Released.ConfigureAwait(false); // keeps its place, so that no other begins
        await _counter.SettleAsync().ConfigureAwait(false);
    }

    private async Task ConfirmAsync(TimerDelivery delivery, CancellationToken stopping)
    {
        TimerOutcome outcome = await delivery.ConfirmAsync(stopping).ConfigureAwait(false);
        if (outcome != TimerOutcome.Done) _session.Printer.Warn($"{delivery.Id}: not confirmed: {Names.Of(outcome)}");
    }

    private async Task ExecuteAsync(string command, TimerDelivery delivery, CancellationToken stopping)
    {
        ShellResult result = await ShellCommand.RunAsync(command, delivery, _session.Printer, stopping).ConfigureAwait(false);
        // The command has done its work, and its exit code decides as ever. But it is the last.
        if (result.OutputFailure is { } failure) _outputGone.TrySetResult(failure);
        if (result.Succeeded)
        {
            await ConfirmAsync(delivery, stopping).ConfigureAwait(false);
            return;
        }

        // What becomes of it is logged by the engine (see ListenLog), unless nothing does.
        TimerOutcome outcome = await delivery.RetryAsync(error: result.Error, cancellationToken: stopping).ConfigureAwait(false);
        if (outcome is not (TimerOutcome.Done or TimerOutcome.DeadLettered)) _session.Printer.Warn($"{delivery.Id}: {result.Error}; {Names.Of(outcome)}");
    }
}
