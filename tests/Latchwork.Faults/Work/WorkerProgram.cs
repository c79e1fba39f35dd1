using System.Globalization;
using System.Runtime.InteropServices;
using Latchwork.Faults.History;
using StackExchange.Redis;

namespace Latchwork.Faults.Work;

/// <summary>
/// A worker: <c>worker ROLE INDEX LIFE URI FOLDER SEED LONGEST-MS [lies]</c>. It takes <c>clock SECONDS</c>, <c>callbacks broken|whole</c> and <c>stop</c> from
/// standard input, and ends immediately when that ends, because then the harness is gone. SIGTERM stops it, too.
/// </summary>
internal static class WorkerProgram
{
    /// <summary>Works until it is told to stop.</summary>
    /// <param name="arguments">See <see cref="WorkerSettings.Parse"/>.</param>
    /// <returns>The exit code: 0 when everything that it began has ended.</returns>
    public static async Task<int> RunAsync(string[] arguments)
    {
        WorkerSettings settings = WorkerSettings.Parse(arguments);
        var clock = new ShiftedTime();
        using var stop = new CancellationTokenSource();
        using var callbacks = new BrokenCallbacks();
        new Thread(() => Obey(clock, callbacks, stop)) { IsBackground = true }.Start();
        using PosixSignalRegistration terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            stop.Cancel();
        });

        using var history = new HistoryWriter(settings.Folder, settings.ProcessName, settings.Role.ToString().ToLowerInvariant());
        if (await OpenAsync(settings.Uri, stop.Token) is not { } store) return 0;
        await using var recording = new RecordingStore(settings.Lies ? new LyingStore(store) : store, history);
        await using var schedules = settings.Role == Role.Runner ? null : new ScheduleWork(settings, history, store, clock);
        await Task.WhenAll(
            WorkAsync(settings, new Recorder(history), recording, clock, callbacks, stop.Token),
            schedules is null ? Task.CompletedTask : schedules.RunAsync(stop.Token),
            settings.Role == Role.Listener ? new BurstWork(settings, history, store).RunAsync(stop.Token) : Task.CompletedTask);
        return 0;
    }

    /// <summary>What the address of a store begins with that is to use a connection of the application.</summary>
    public const string SharedPrefix = "shared+";

    /// <summary>Opens a store by its address.</summary>
    /// <param name="uri">The address.</param>
    public static async Task<LatchworkStore> OpenAsync(string uri)
    {
        if (IsPostgres(uri)) return await PostgresStore.OpenAsync(uri, new PostgresOptions { CommandTimeout = TimeSpan.FromSeconds(2), LockTimeout = TimeSpan.FromSeconds(1) });
        if (uri.StartsWith("sqlite:", StringComparison.Ordinal)) return await SqliteStore.OpenAsync(uri["sqlite:".Length..]);
        if (!uri.StartsWith(SharedPrefix, StringComparison.Ordinal)) return await RedisStore.ConnectAsync(uri);

        // The connection is the application's: it lives as long as the process.
        var address = new Uri(uri[SharedPrefix.Length..]);
        IConnectionMultiplexer multiplexer = await ConnectionMultiplexer.ConnectAsync($"{address.Host}:{address.Port},abortConnect=false,connectTimeout=2000");
        return RedisStore.Create(multiplexer, new RedisOptions { CommandTimeout = TimeSpan.FromSeconds(2) });
    }

    /// <summary>Whether an address is that of a PostgreSQL server.</summary>
    public static bool IsPostgres(string uri) => uri.StartsWith("postgres:", StringComparison.Ordinal);

    private static async Task WorkAsync(WorkerSettings settings, Recorder recorder, LatchworkStore store, ShiftedTime clock, BrokenCallbacks callbacks, CancellationToken stop)
    {
        await using var transactions = IsPostgres(settings.Uri) ? new OwnTransactions(recorder, settings.Uri) : null;
        switch (settings.Role)
        {
            case Role.Poster:
                await using (var timer = new DistributedTimer(store, new() { Namespace = WorkerSettings.Namespace, NodeId = settings.ProcessName, LoggerFactory = callbacks, TimeProvider = clock }))
                    await new PosterWork(settings, recorder, timer, transactions).RunAsync(stop);
                break;
            case Role.Listener:
                await new ListenerWork(settings, recorder, store, clock, callbacks, transactions).RunAsync(stop);
                break;
            default:
                await new RunnerWork(settings, recorder, store, clock, callbacks).RunAsync(stop);
                break;
        }
    }

    // Whoever is started in the middle of an outage tries until it is over.
    private static async Task<LatchworkStore?> OpenAsync(string uri, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                return await OpenAsync(uri);
            }
            catch (LatchworkStoreException)
            {
                await Task.Delay(100, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        return null;
    }

    private static void Obey(ShiftedTime clock, BrokenCallbacks callbacks, CancellationTokenSource stop)
    {
        while (Console.In.ReadLine() is { } line)
        {
            if (line == "stop") stop.Cancel();
            else if (line is "callbacks broken" or "callbacks whole") callbacks.IsBroken = line == "callbacks broken";
            else if (line.StartsWith("clock ", StringComparison.Ordinal)) clock.Shift = TimeSpan.FromSeconds(double.Parse(line["clock ".Length..], CultureInfo.InvariantCulture));
            else throw new InvalidOperationException($"'{line}' is no command of a worker.");
        }

        Environment.Exit(3);
    }
}
