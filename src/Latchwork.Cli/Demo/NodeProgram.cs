using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Latchwork.Cli.Commands;

namespace Latchwork.Cli.Demo;

/// <summary>
/// What a node's process does: it listens for events, and a hundred callers ask for a key. Orders come on standard input; whatever it does it
/// reports on standard output, before it does the next thing.
/// </summary>
internal sealed class NodeProgram(NodeStart start, LatchworkStore store)
{
    /// <summary>The hidden verb, for <c>Main</c>.</summary>
    public const string Verb = "__demo";

    private static readonly TimeProvider _time = TimeProvider.System;

    private readonly Stream _output = Console.OpenStandardOutput();
    private readonly Lock _reporting = new();
    private readonly TaskCompletionSource _endBurst = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _endRun = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What <c>Main</c> does for the hidden verb.</summary>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync()
    {
        // Ctrl-C goes to all processes of a terminal. The demo ends its nodes itself.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, static context => context.Cancel = true);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, static context => context.Cancel = true);
        using var input = new StreamReader(Console.OpenStandardInput(), Encoding.UTF8);
        try
        {
            NodeStart start = await ReadAsync(input, DemoJson.Default.NodeStart).ConfigureAwait(false);
            LatchworkStore store = await StoreResolver.OpenAsync(start.Store, CancellationToken.None).ConfigureAwait(false);
            await using (store.ConfigureAwait(false)) await new NodeProgram(start, store).FollowAsync(input).ConfigureAwait(false);
            return ExitCodes.Done;
        }
        catch (Exception e) when (e is CliException or LatchworkStoreException)
        {
            await Console.Error.WriteLineAsync(ErrorLine.Format(LatchworkCommand.Name, e.Message)).ConfigureAwait(false);
            return ExitCodes.Failure;
        }
    }

    private static async Task<T> ReadAsync<T>(StreamReader input, JsonTypeInfo<T> type)
    {
        if (await input.ReadLineAsync().ConfigureAwait(false) is { } line) return JsonSerializer.Deserialize(line, type)!;
        // Only the demo has the other end of the pipe: it is dead, however it died, and so are its nodes.
        Process.GetCurrentProcess().Kill();
        throw new UnreachableException();
    }

    private async Task FollowAsync(StreamReader input)
    {
        var timer = new DistributedTimer(store, DemoPlan.TimerOptions(start.Namespace, start.Name));
        await using ConfiguredAsyncDisposable leavingTimer = timer.ConfigureAwait(false);
        var locker = new ProcessLocker(store, DemoPlan.LockerOptions(start.Namespace, start.Name));
        await using ConfiguredAsyncDisposable leavingLocker = locker.ConfigureAwait(false);
        await timer.JoinAsync(HandleAsync).ConfigureAwait(false);
        Report(new NodeReport(NodeAct.Ready));
        while (true)
        {
            switch (await ReadAsync(input, DemoJson.Default.NodeOrder).ConfigureAwait(false))
            {
                case NodeOrder.EndBurst:
                    _endBurst.TrySetResult();
                    break;
                case NodeOrder.Ask:
                    for (int caller = 0; caller < DemoPlan.Callers; caller++) _ = AskAsync(locker);
                    Report(new NodeReport(NodeAct.Asked));
                    break;
                case NodeOrder.EndRun:
                    _endRun.TrySetResult();
                    break;
                default:
                    return;
            }
        }
    }

    private void Report(NodeReport report)
    {
        byte[] line = DemoJson.Line(report, DemoJson.Default.NodeReport);
        lock (_reporting) _output.Write(line);
    }

    private async Task HandleAsync(TimerDelivery delivery, CancellationToken stopping)
    {
        long heldAt = _time.GetTimestamp();
        string payload = Encoding.UTF8.GetString(delivery.Payload.Span);
        Report(new NodeReport(NodeAct.Began, delivery.Id, delivery.Token, heldAt) { Text = payload, LatenessMs = delivery.Lateness.TotalMilliseconds });
        AttemptEnd end = AttemptEnd.Abandoned;
        try
        {
            EventKind kind = Enum.Parse<EventKind>(payload.Split(' ')[0]);
            await Task.Delay(Random.Shared.Next(1, 10), stopping).ConfigureAwait(false);
            if (kind == EventKind.Burst) await _endBurst.Task.WaitAsync(stopping).ConfigureAwait(false);
            // The timestamp is taken first: the lease was still this node's at that moment.
            long now = _time.GetTimestamp();
            if (delivery.LeaseLeft > TimeSpan.Zero) heldAt = now;
            if (kind == EventKind.FailsOnce && delivery.Retries == 0)
            {
                end = AttemptEnd.Failed;
                throw new InvalidOperationException("The first attempt fails, as planned.");
            }

            Report(new NodeReport(NodeAct.Deciding, delivery.Id, delivery.Token));
            TimerOutcome outcome = kind == EventKind.Rejected
                ? await delivery.DeadLetterAsync("No such customer.", cancellationToken: stopping).ConfigureAwait(false)
                : await delivery.ConfirmAsync(stopping).ConfigureAwait(false);
            end = outcome is TimerOutcome.Done or TimerOutcome.DeadLettered ? AttemptEnd.Accepted : AttemptEnd.Refused;
        }
        finally
        {
            Report(new NodeReport(NodeAct.Ended, delivery.Id, delivery.Token, heldAt) { End = end });
        }
    }

    private async Task AskAsync(ProcessLocker locker)
    {
        var answer = new NodeReport(NodeAct.Answered);
        try
        {
            ReadOnlyMemory<byte> result = await locker.RunOnceAsync(DemoPlan.Key, WorkAsync).ConfigureAwait(false);
            answer = answer with { Text = Encoding.UTF8.GetString(result.Span) };
        }
        catch (Exception e) when (e is LatchworkStoreException or LockTimeoutException or RunFailedException or ObjectDisposedException)
        {
            answer = answer with { Problem = e.Message, IsTimeout = e is LockTimeoutException };
        }

        Report(answer);
    }

    private async Task<ReadOnlyMemory<byte>> WorkAsync(WorkLease lease, CancellationToken cancellationToken)
    {
        var report = new NodeReport(NodeAct.RunBegan, Token: lease.FencingToken.ToString(CultureInfo.InvariantCulture), At: _time.GetTimestamp());
        Report(report);
        try
        {
            // Not before all callers have asked, and never in the process that is killed.
            await _endRun.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            await Task.Delay(300, cancellationToken).ConfigureAwait(false);
            long now = _time.GetTimestamp();
            if (lease.IsHeld) report = report with { At = now, End = AttemptEnd.Accepted };
            return Encoding.UTF8.GetBytes(Verdict.ResultOf(lease.FencingToken));
        }
        finally
        {
            Report(report with { Act = NodeAct.RunEnded });
        }
    }
}
