using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Latchwork.Faults.Checking.Schedules;
using Latchwork.Faults.History;
using Latchwork.Faults.Injection;
using Latchwork.Faults.Work;
using Latchwork.StoreConformance.Support;

namespace Latchwork.Faults.Running;

/// <summary>What a run left.</summary>
/// <param name="Folder">Its history.</param>
/// <param name="Version">The store, with its version.</param>
/// <param name="Faults">How often each fault was done.</param>
/// <param name="DroppedNotifications">How many notifications were left out.</param>
/// <param name="Missing">Kinds of fault that this machine does not allow; null if there are none.</param>
/// <param name="Problems">What went wrong with the run itself: a worker that crashed, events that were not drained in time.</param>
internal sealed record RunResult(
    string Folder, string Version, IReadOnlyDictionary<FaultKind, int> Faults, long DroppedNotifications, string? Missing, IReadOnlyList<string> Problems);

/// <summary>One run: servers, workers, faults; then healing, draining, and a look at what is left.</summary>
internal sealed class FaultRun : IAsyncDisposable
{
    private static readonly TimeSpan _timeout = TimeSpan.FromMinutes(3);
    private readonly RunOptions _options;
    private readonly Action<string> _say;
    private readonly Stand _stand;
    private readonly HistoryWriter _history;
    private readonly WorkerHost[] _workers;
    private readonly List<string> _problems = [];
    private readonly string _folder;

    private FaultRun(RunOptions options, Action<string> say, Stand stand, string folder)
    {
        (_options, _say, _stand, _folder) = (options, say, stand, folder);
        _history = new HistoryWriter(folder, "harness", "harness");
        _workers = [.. Enumerable.Range(0, options.Workers).Select(index => new WorkerHost(new WorkerSettings
        {
            Role = (Role)(index % 3),
            Index = index,
            Uri = stand.UriOf(index),
            Folder = folder,
            Seed = options.Seed,
            Lies = options.Lies,
            Longest = TimeSpan.FromSeconds(Math.Clamp(options.Length.TotalSeconds / 4, 1, 5)),
        }))];
    }

    /// <summary>Runs.</summary>
    /// <param name="options">How.</param>
    /// <param name="say">Takes lines that say how it goes.</param>
    public static async Task<RunResult> RunAsync(RunOptions options, Action<string> say)
    {
        string folder = options.Out ?? Directory.CreateTempSubdirectory(string.Create(CultureInfo.InvariantCulture, $"latchwork-faults-{options.Store}-{options.Seed}-").ToLowerInvariant()).FullName;
        await using Stand stand = await Stand.StartAsync(options, options.Workers);
        await using var run = new FaultRun(options, say, stand, folder);
        return await run.RunAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (WorkerHost worker in _workers) await worker.DisposeAsync();
        _history.Dispose();
    }

    private async Task<RunResult> RunAsync()
    {
        string version = $"{_stand.Version}, .NET {Environment.Version}, Latchwork {typeof(LatchworkStore).Assembly.GetName().Version?.ToString(3)}, {RuntimeInformation.OSDescription.Trim()}, {Environment.ProcessorCount} cores";
        FaultKind[] kinds = [.. (_options.Faults ?? _stand.Faults).Where(kind => _stand.Faults.Contains(kind) || _stand.OnRequest.Contains(kind))];
        if (_options.Faults?.Except(kinds).ToArray() is { Length: > 0 } unknown) _problems.Add($"These faults cannot be done here: {string.Join(", ", unknown)}.");
        _history.Write(new RunStarted(MonotonicTime.Now, _options.Store.ToString().ToLowerInvariant(), _options.Seed, $"{_options.Command}; {version}"));
        _say($"{version}. Seed {_options.Seed}. History: {_folder}");

        var injector = new Injector(_stand, _workers, _history, _say);
        using var over = new CancellationTokenSource();
        Task clock = SampleClockAsync(over.Token);
        await using (LatchworkStore store = await WorkerProgram.OpenAsync(_stand.Uri)) await ScheduleScan.DeclareAsync(_history, store);
        foreach (WorkerHost worker in _workers) worker.Start();
        await Eventually.HoldsAsync(() => _workers.All(IsAtWork), "all workers are at work", _timeout);
        long start = Stopwatch.GetTimestamp();
        Task progress = ProgressAsync(start, over.Token);

        await injector.RunAsync(FaultPlan.Make(_options.Seed, _options.Length, kinds, _workers.Length), start, _options.Length);
        TimeSpan rest = _options.Length - Stopwatch.GetElapsedTime(start);
        if (rest > TimeSpan.Zero) await Task.Delay(rest);

        long healed = MonotonicTime.Now;
        await StopAsync(worker => worker.Role != Role.Listener);
        _say("All is healed, nothing more is posted. Draining.");
        await using (LatchworkStore store = await WorkerProgram.OpenAsync(_stand.Uri)) await FinalScan.WriteNamespacesAsync(_history, store);
        await using (LatchworkStore store = await WorkerProgram.OpenAsync(_stand.Uri))
        await using (var timer = new DistributedTimer(store, new() { Namespace = WorkerSettings.Namespace }))
        {
            await ScheduleScan.ResumeAsync(_history, store);
            long? drained = await DrainAsync(timer) ? healed : null;
            await StopAsync(worker => worker.Role == Role.Listener);
            await new FinalScan(_history, _folder, timer).RunAsync(drained);
            await ScheduleScan.EndAsync(_history, _folder, store);
        }

        _problems.AddRange(await _stand.CompareAsync(_folder));
        _problems.AddRange(ScheduleChecker.Check(_folder));
        if (await _stand.FindSurpriseAsync() is { } surprise) _problems.Add(surprise);
        await over.CancelAsync();
        await Task.WhenAll(clock, progress);
        foreach (WorkerHost worker in _workers) _problems.AddRange(worker.Errors);
        long dropped = Enumerable.Range(0, _workers.Length).Sum(worker => _stand.ProxyOf(worker)?.DroppedNotifications ?? 0);
        return new RunResult(_folder, version, injector.Counts, dropped, _stand.Missing, _problems);
    }

    // It has written more than its name.
    private bool IsAtWork(WorkerHost worker) => new FileInfo(Path.Combine(_folder, $"{worker.ProcessName}.jsonl")) is { Exists: true, Length: > 400 };

    private async Task StopAsync(Func<WorkerHost, bool> which)
    {
        WorkerHost[] leaving = [.. _workers.Where(which)];
        foreach (WorkerHost worker in leaving) await worker.StopAsync();
        foreach (WorkerHost worker in leaving)
        {
            if (!await worker.EndedAsync(_timeout)) _problems.Add($"{worker.ProcessName} did not end in good order within {_timeout} of being told to.");
        }
    }

    // All that was posted comes due within seconds, so it ends soon, unless something is wrong.
    private async Task<bool> DrainAsync(DistributedTimer timer)
    {
        try
        {
            await Eventually.ReadsAsync(
                () => timer.GetStatsAsync(),
                stats => stats is { Scheduled: 0, InFlight: 0 },
                "everything scheduled and in flight is delivered or dead",
                _timeout);
            return true;
        }
        catch (TimeoutException e)
        {
            _problems.Add(e.Message);
            return false;
        }
    }

    private async Task SampleClockAsync(CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            long at = MonotonicTime.Now;
            _history.Write(new ClockSample(at, MonotonicTime.Of(DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch)));
            await Task.Delay(TimeSpan.FromSeconds(1), over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ProgressAsync(long start, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromSeconds(10), over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            long bytes = Directory.EnumerateFiles(_folder).Sum(file => new FileInfo(file).Length);
            _say(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(start).TotalSeconds,6:F0} s: history {bytes / 1e6:F1} MB"));
        }
    }
}
