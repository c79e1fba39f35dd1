using Latchwork.Cli.Commands;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Listening;

/// <summary>Listens until enough came, time is up, or the user says stop; then leaves and hands the rest back.</summary>
internal sealed class ConsoleListener
{
    private readonly TimerSession _session;
    private readonly ListenSettings _settings;
    private readonly DeliveryCounter _counter;
    private readonly WarningFilter _warnings;
    private readonly TaskCompletionSource<IOException> _outputGone = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ConsoleListener(TimerSession session, ListenSettings settings)
    {
        _session = session;
        _settings = settings;
        _counter = new DeliveryCounter(settings.Count, settings.MaxConcurrency);
        _warnings = new WarningFilter(session.Printer, TimeProvider.System);
    }

    public async Task<int> RunAsync()
    {
        DistributedTimer timer = _session.Timer;
        timer.Error += (_, e) => _warnings.Warn(e.EventId is { } id ? $"{id}: {e.Message}: {e.Exception.Message}" : $"{e.Message}: {e.Exception.Message}");
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
            throw new CliException(ExitCodes.Failure, "standard output was closed, so listening ended", _outputGone.Task.Result);
        }

        bool enough = _settings.Count is null || _counter.Settled >= _settings.Count || _session.Stop.IsCancellationRequested;
        if (enough) return ExitCodes.Done;
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
        catch (IOException e)
        {
            // Nobody has seen it, so it is not confirmed: it keeps its place until the node leaves, so that no other event begins only to meet
            // the same fate, and then the engine hands it back.
            _outputGone.TrySetResult(e);
            await _counter.Released.ConfigureAwait(false);
            throw;
        }

        if (_settings.Command is { } command) await ExecuteAsync(command, delivery, stopping).ConfigureAwait(false);
        else if (_settings.Confirm) await ConfirmAsync(delivery, stopping).ConfigureAwait(false);
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
        if (result.Succeeded)
        {
            await ConfirmAsync(delivery, stopping).ConfigureAwait(false);
            return;
        }

        TimerOutcome outcome = await delivery.RetryAsync(error: result.Error, cancellationToken: stopping).ConfigureAwait(false);
        string next = outcome switch
        {
            TimerOutcome.Done => "it will be retried",
            TimerOutcome.DeadLettered => "no retry is left, so it is dead-lettered",
            _ => Names.Of(outcome),
        };
        _session.Printer.Warn($"{delivery.Id}: {result.Error}; {next}");
    }
}
