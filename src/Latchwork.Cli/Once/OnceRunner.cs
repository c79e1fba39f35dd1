using System.ComponentModel;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchwork.Cli.Commands;

namespace Latchwork.Cli.Once;

/// <summary>Runs the command for a key, or waits for whoever runs it, and prints what it printed.</summary>
internal sealed class OnceRunner
{
    // In the environment of the command: what is being run around it, as a list of JSON.
    private const string Running = "LATCHWORK_RUNNING";

    private readonly LockSession _session;
    private readonly OnceSettings _settings;
    private readonly string[] _running;
    private readonly string _self;

    public OnceRunner(LockSession session, OnceSettings settings)
    {
        _session = session;
        _settings = settings;
        _running = ReadRunning(session.Terminal.User.Variable(Running));
        _self = string.Join('\n', session.Store.Description, session.Locker.Namespace, settings.Key, "");
    }

    /// <returns>The exit code of the command.</returns>
    /// <exception cref="CliException">There is none.</exception>
    public async Task<int> RunAsync()
    {
        if (await IsInsideItselfAsync().ConfigureAwait(false))
            throw new CliException(ExitCodes.BadInput, Say("is being run by the command inside which this 'latchwork once' was started: it would wait for itself"));
        RequestResult answer = await RequestAsync().ConfigureAwait(false);
        if (answer.IsDone)
        {
            CommandResult known = CommandResult.TryRead(answer.Result.Bytes)
                ?? throw Failed("the result of the key is not one of 'latchwork once', or of a later version of it ('latchwork lock forget' drops it)");
            return await PrintAsync(known).ConfigureAwait(false);
        }

        // Whatever goes wrong from here on releases the key: the next one who waits runs the command.
        await using (answer.Lease.ConfigureAwait(false))
        {
            CommandResult result = await RunAsync(answer.Lease).ConfigureAwait(false);
            await ShareAsync(answer.Lease, result).ConfigureAwait(false);
            return await PrintAsync(result).ConfigureAwait(false);
        }
    }

    private async Task<RequestResult> RequestAsync()
    {
        try
        {
            return await _session.Locker.RequestAsync(_settings.Key, _settings.Wait, _session.Stop).ConfigureAwait(false);
        }
        catch (LockTimeoutException e)
        {
            throw new CliException(ExitCodes.TimedOut, Say($"timed out after {DurationText.Write(_settings.Wait)} of waiting for another node to run it"), e);
        }
        catch (RunFailedException e)
        {
            throw Failed(e.Message);
        }
    }

    private async Task<CommandResult> RunAsync(WorkLease lease)
    {
        try
        {
            using RunningCommand command = await RunningCommand.StartAsync(_settings.Words, _settings.RawWords, Facts(lease), _settings.MaxOutput).ConfigureAwait(false);
            await WaitAsync(command, lease).ConfigureAwait(false);
            return await command.ReadResultAsync().ConfigureAwait(false) ?? throw await FailAsync(lease).ConfigureAwait(false);
        }
        catch (Win32Exception e)
        {
            // Not shared: another machine may have the program.
            throw Failed($"'{_settings.Words[0]}' cannot be started: {e.Message}");
        }
    }

    private async Task WaitAsync(RunningCommand command, WorkLease lease)
    {
        var lost = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration onLost = lease.Lost.Register(() => lost.TrySetResult());
        using CancellationTokenRegistration onStop = _session.Stop.Register(() => stopped.TrySetResult());
        await Task.WhenAny(command.Exited, command.Overflowed, lost.Task, stopped.Task).ConfigureAwait(false);

        bool over = command.Overflowed.IsCompleted || _session.Stop.IsCancellationRequested || lease.Lost.IsCancellationRequested;
        if (over || !command.Exited.IsCompleted)
        {
            await command.StopAsync(_session.Terminal.Hurry).ConfigureAwait(false);
        }

        if (lease.Lost.IsCancellationRequested) throw Lost();
        _session.Stop.ThrowIfCancellationRequested();
    }

    // The same output would be too long on every machine, so those who wait get the failure instead of a turn each.
    private async Task<CliException> FailAsync(WorkLease lease)
    {
        string message = string.Create(
            CultureInfo.InvariantCulture, $"the command printed more than the {_settings.MaxOutput} bytes that --max-output allows, so it was stopped");
        PublishOutcome outcome = await lease.FailAsync("OutputTooLarge", message).ConfigureAwait(false);
        return outcome == PublishOutcome.Superseded ? Lost() : Failed(message);
    }

    private async Task ShareAsync(WorkLease lease, CommandResult result)
    {
        PublishOutcome outcome;
        try
        {
            outcome = result.ExitCode != 0 && _settings.RetryFailures
                ? await lease.FailAsync("ExitCode", "", FailurePolicy.RetryNextWaiter).ConfigureAwait(false)
                : await lease.PublishAsync(result.ToBytes()).ConfigureAwait(false);
        }
        catch (LatchworkStoreException e)
        {
            string what = e.Outcome switch
            {
                StoreOutcome.Unknown => "it is not known whether its result was published",
                StoreOutcome.NotReplicated => "its result was published without enough replicas",
                _ => "its result could not be published",
            };
            throw Failed(string.Create(CultureInfo.InvariantCulture, $"the command ended with exit code {result.ExitCode}, but {what}: {e.Message}"));
        }

        if (outcome == PublishOutcome.Superseded) throw Lost();
    }

    private async Task<int> PrintAsync(CommandResult result)
    {
        Terminal terminal = _session.Terminal;
        try
        {
            await terminal.OutBytes.WriteAsync(result.Output, CancellationToken.None).ConfigureAwait(false);
            await terminal.OutBytes.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (OutputFailedException e) when (!e.IsBrokenPipe)
        {
            throw Failed(string.Create(CultureInfo.InvariantCulture, $"the command ended with exit code {result.ExitCode}, but {e.Message}; 'lock peek' says for how long its output is kept for another 'latchwork once'"));
        }

        await terminal.ErrorBytes.WriteAsync(result.Error, CancellationToken.None).ConfigureAwait(false);
        await terminal.ErrorBytes.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        return result.ExitCode;
    }

    private Dictionary<string, string> Facts(WorkLease lease) => new()
    {
        ["LATCHWORK_KEY"] = lease.Key,
        ["LATCHWORK_NAMESPACE"] = _session.Locker.Namespace,
        ["LATCHWORK_FENCING_TOKEN"] = lease.FencingToken.ToString(CultureInfo.InvariantCulture),
        [Running] = new JsonArray([.. _running.Append(SelfWith(lease.FencingToken)).Select(static one => (JsonNode)one)]).ToJsonString(),
    };

    // The environment outlives the command: a service that it has started has it, too. So the key must still be owned by that very run.
    private async Task<bool> IsInsideItselfAsync() =>
        Array.Exists(_running, one => one.StartsWith(_self, StringComparison.Ordinal))
        && await _session.Locker.PeekAsync(_settings.Key, _session.Stop).ConfigureAwait(false) is { IsLocked: true } key
        && _running.Contains(SelfWith(key.FencingToken));

    private string SelfWith(long fencingToken) => string.Create(CultureInfo.InvariantCulture, $"{_self}{fencingToken}");

    // What is no such list is not from us.
    private static string[] ReadRunning(string? text)
    {
        try
        {
            return text is null ? [] : [.. JsonNode.Parse(text)!.AsArray().Select(static one => one!.GetValue<string>())];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException)
        {
            return [];
        }
    }

    private CliException Lost() => new(
        ExitCodes.LostLease, Say("the lease was lost (forgotten, not renewed in time, or over --lock-timeout), so the command was stopped and its output dropped"));

    private CliException Failed(string message) => new(ExitCodes.Failure, Say(message));

    private string Say(string message) => $"{_settings.Key}: {message}";
}
