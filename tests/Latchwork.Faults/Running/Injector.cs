using System.Diagnostics;
using System.Globalization;
using Latchwork.Faults.History;
using Latchwork.Faults.Injection;

namespace Latchwork.Faults.Running;

/// <summary>Does what the plan says, to workers and to the store, puts it right again, and records both.</summary>
internal sealed class Injector(Stand stand, IReadOnlyList<WorkerHost> workers, HistoryWriter history, Action<string> say)
{
    private static readonly TimeSpan _breath = TimeSpan.FromSeconds(3);
    private static readonly Direction[] _directions = [Direction.ToServer, Direction.FromServer, Direction.Both];
    private static readonly int[] _hours = [-26, -3, 2, 24];
    private static readonly int[] _bytesPerSecond = [2_000, 8_000, 30_000];
    private readonly Lock _gate = new();
    private readonly Dictionary<FaultKind, int> _counts = [];
    private readonly SemaphoreSlim _store = new(1);
    private readonly SemaphoreSlim[] _clients = [new(1), new(1)];
    private int _faults;

    /// <summary>How often each kind was done.</summary>
    public IReadOnlyDictionary<FaultKind, int> Counts
    {
        get
        {
            lock (_gate) return new Dictionary<FaultKind, int>(_counts);
        }
    }

    /// <summary>Runs the plan. Ends when all is well again.</summary>
    /// <param name="plan">The faults.</param>
    /// <param name="start">When the run began (<see cref="Stopwatch.GetTimestamp"/>).</param>
    /// <param name="length">What has not begun by then is left out: the faults before it took longer than planned.</param>
    public async Task RunAsync(IReadOnlyList<PlannedFault> plan, long start, TimeSpan length)
    {
        var running = new List<Task>();
        foreach (PlannedFault fault in plan)
        {
            TimeSpan left = fault.At - Stopwatch.GetElapsedTime(start);
            if (left > TimeSpan.Zero) await Task.Delay(left);
            running.Add(RunAsync(fault, start + (long)(length.TotalSeconds * Stopwatch.Frequency)));
        }

        await Task.WhenAll(running);
    }

    private static string NameOf(FaultKind kind) => kind switch
    {
        FaultKind.Kill => "kill",
        FaultKind.Stop => "stop",
        FaultKind.Terminate => "terminate",
        FaultKind.Callbacks => "brokenCallbacks",
        FaultKind.Clock => "clockShift",
        FaultKind.Stall => "stall",
        FaultKind.Cut => "cut",
        FaultKind.Throttle => "throttle",
        FaultKind.DropNotifications => "dropNotifications",
        FaultKind.Connections => "cutConnections",
        FaultKind.Flush => "scriptFlush",
        FaultKind.Restart => "restartServer",
        FaultKind.Freeze => "freezeServer",
        FaultKind.Failover => "failover",
        FaultKind.Memory => "memoryLimit",
        FaultKind.Disk => "diskFull",
        FaultKind.Busy => "databaseBusy",
        FaultKind.Reshard => "moveSlot",
        FaultKind.Damage => "damagedRecord",
        FaultKind.Burst => "burst",
        FaultKind.Empty => "emptyServer",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    private static bool IsOutage(FaultKind kind) => kind is not (FaultKind.Kill or FaultKind.Terminate or FaultKind.Clock or FaultKind.DropNotifications or FaultKind.Flush or FaultKind.Damage or FaultKind.Burst);

    // What took longer than planned (a failover) may reach into the next fault of its lane: that one waits, and leaves some time for work.
    private async Task RunAsync(PlannedFault fault, long end)
    {
        bool isOnWorker = FaultPlan.IsOnWorker(fault.Kind);
        int worker = fault.Target % workers.Count;
        SemaphoreSlim client = isOnWorker ? _clients[worker % 2] : _store;
        bool waits = !await client.WaitAsync(TimeSpan.Zero);
        if (waits) await client.WaitAsync();
        try
        {
            if (waits && Stopwatch.GetTimestamp() < end) await Task.Delay(_breath);
            if (Stopwatch.GetTimestamp() >= end) return;
            string target = isOnWorker ? workers[worker].ProcessName : "store";
            string name = NameOf(fault.Kind) + stand.VariantOf(fault);
            int number = Interlocked.Increment(ref _faults);
            history.Write(new FaultStarted(MonotonicTime.Now, number, name, target) { Outage = IsOutage(fault.Kind), LossWindow = stand.LossWindowOf(fault) });
            say(string.Create(CultureInfo.InvariantCulture, $"{name} {target} for {fault.Duration.TotalSeconds:F1} s"));
            await (isOnWorker ? HurtAsync(workers[worker], worker, fault) : HurtStoreAsync(fault, number));
            history.Write(new FaultEnded(MonotonicTime.Now, number));
            lock (_gate) _counts[fault.Kind] = _counts.GetValueOrDefault(fault.Kind) + 1;
        }
        finally
        {
            client.Release();
        }
    }

    private async Task HurtStoreAsync(PlannedFault fault, int number)
    {
        switch (fault.Kind)
        {
            case FaultKind.Damage:
                await new DamagedEvents(stand, history).HurtAsync(number);
                break;
            case FaultKind.Burst:
                // While workers are hurt it could not be told who had to take what.
                foreach (SemaphoreSlim client in _clients) await client.WaitAsync();
                try
                {
                    await Task.Delay(_breath); // all are at work again
                    await new Burst(stand, history).RunAsync(number);
                }
                finally
                {
                    foreach (SemaphoreSlim client in _clients) client.Release();
                }

                break;
            default:
                await stand.HurtAsync(fault);
                break;
        }
    }

    private async Task HurtAsync(WorkerHost host, int worker, PlannedFault fault)
    {
        Direction direction = _directions[fault.Variant % _directions.Length];
        switch (fault.Kind)
        {
            case FaultKind.Kill:
                string killed = host.ProcessName;
                await host.KillAsync();
                history.Write(new ProcessEnded(MonotonicTime.Now, killed, Killed: true));
                await Task.Delay(fault.Duration);
                host.Start();
                return;
            case FaultKind.Terminate:
                string asked = host.ProcessName;
                history.Write(new ProcessEnding(MonotonicTime.Now, asked));
                if (!await host.TerminateAsync()) history.Write(new ProcessEnded(MonotonicTime.Now, asked, Killed: true));
                await Task.Delay(fault.Duration);
                host.Start();
                return;
            case FaultKind.Callbacks:
                await host.BreakCallbacksAsync(areBroken: true);
                await Task.Delay(fault.Duration);
                await host.BreakCallbacksAsync(areBroken: false);
                return;
            case FaultKind.Stop:
                host.Freeze();
                await Task.Delay(fault.Duration);
                host.Resume();
                return;
            case FaultKind.Clock:
                await host.ShiftClockAsync(TimeSpan.FromHours(_hours[fault.Variant % _hours.Length]));
                await Task.Delay(fault.Duration);
                await host.ShiftClockAsync(TimeSpan.Zero);
                return;
        }

        WorkerProxy proxy = stand.ProxyOf(worker) ?? throw new InvalidOperationException($"There is nothing between {host.Name} and the store.");
        switch (fault.Kind)
        {
            case FaultKind.Stall:
                proxy.Stall(direction);
                break;
            case FaultKind.Cut:
                proxy.Cut(direction);
                break;
            case FaultKind.Throttle:
                proxy.Throttle(direction, _bytesPerSecond[fault.Variant % _bytesPerSecond.Length]);
                break;
            case FaultKind.DropNotifications:
                proxy.DropsNotifications = true;
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(fault), fault.Kind, "This is not done to a worker.");
        }

        await Task.Delay(fault.Duration);
        proxy.DropsNotifications = false;
        proxy.Heal();
    }
}
