using System.Globalization;
using System.Text.Json.Nodes;
using Npgsql;
using Quartz;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>
/// Quartz.NET's ADO store on PostgreSQL, clustered, as it has to be where several processes share it: one durable job, and a trigger an event. Its defaults
/// are 10 threads; with <c>best</c> there are 64, it looks every second, the shortest that it takes, and inserts take no lock.
/// </summary>
internal sealed class QuartzPostgresContender : IContender
{
    private static readonly EventLog _events = new();
    private static readonly JobKey _job = new("bench");
    private IScheduler? _scheduler;
    private IJobDetail _detail = null!;
    private string _name = "";
    private long _triggers;

    public QuartzPostgresContender()
    {
        Verbs = new Dictionary<string, Func<JsonObject, Task<JsonObject?>>>
        {
            ["open"] = OpenAsync,
            ["close"] = async _ =>
            {
                await CloseAsync();
                return null;
            },
            ["posts"] = async request => await Loops.ClosedAsync(request, () => PostAsync(0, 3_600_000)),
            ["bulk"] = async request =>
            {
                int batch = request.Count("batch");
                return await Loops.ClosedAsync(request, () => PostManyAsync(Enumerable.Repeat(0, batch), Loops.Now + 3_600_000), batch);
            },
            ["fill"] = async request =>
            {
                double due = Loops.Now;
                foreach (int[] numbers in Enumerable.Range(0, request.Count("count")).Select(_ => _events.NextNumber()).Chunk(500)) await PostManyAsync(numbers, due);
                return null;
            },
            ["drain"] = request => _events.DrainAsync(request, async () => await _scheduler!.Start()),
            ["listen"] = async _ =>
            {
                await _scheduler!.Start();
                return null;
            },
            ["pour"] = async request => await Loops.OpenAsync(request, delay => PostAsync(_events.NextNumber(), delay)),
            ["wait"] = _events.WaitAsync,
            ["unlisten"] = async _ =>
            {
                await _scheduler!.Standby();
                return null;
            },
            ["taken"] = _events.TakenAsync,
        };
    }

    public IReadOnlyDictionary<string, Func<JsonObject, Task<JsonObject?>>> Verbs { get; }

    public async ValueTask DisposeAsync() => await CloseAsync();

    private static string Payload { get; } = new('x', LatenessRecord.PayloadBytes - sizeof(double) - sizeof(int));

    private async Task<JsonObject?> OpenAsync(JsonObject request)
    {
        await CloseAsync();
        _events.Clear();
        bool best = request["best"]!.GetValue<bool>();
        _name = request.Word("database");
        _scheduler = await QuartzSchedulerBuilder.Create(quartz =>
        {
            quartz.ConfigureScheduler(options =>
            {
                (options.InstanceName, options.GenerateInstanceId) = (_name, true);
                if (best) options.IdleWaitTime = TimeSpan.FromSeconds(1);
            });
            quartz.UsePersistentStore(store =>
            {
                store.UsePostgres(NpgsqlFactory.Instance, request.Word("connection") + ";Timeout=60"); // posts wait for a free connection
                store.UseClustering();
                store.ProvisionSchema();
                store.ConfigureStore(options =>
                {
                    options.StoreJobDataAsStrings = true;
                    if (best) options.LockOnInsert = false;
                });
            });
            if (best) quartz.UseDefaultThreadPool(64);
        }).BuildScheduler();
        _detail = JobBuilder.Create<Recorder>().WithIdentity(_job).StoreDurably().Build();
        await _scheduler.AddJob(_detail, new AddJobOptions { Replace = true });
        return null;
    }

    private async Task CloseAsync()
    {
        if (_scheduler is not null) await _scheduler.Shutdown();
        _scheduler = null;
        NpgsqlConnection.ClearAllPools();
    }

    private async Task PostAsync(int number, double delay) => await _scheduler!.ScheduleJob(Trigger(number, Loops.Now + delay));

    private async Task PostManyAsync(IEnumerable<int> numbers, double due) => await _scheduler!.ScheduleJobs(
        new Dictionary<IJobDetail, IReadOnlyCollection<ITrigger>> { [_detail] = [.. numbers.Select(number => Trigger(number, due))] }, new ScheduleJobOptions { Replace = true });

    private ITrigger Trigger(int number, double due) => TriggerBuilder.Create()
        .WithIdentity(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}-{Interlocked.Increment(ref _triggers)}"))
        .ForJob(_job)
        .UsingJobData("number", number.ToString(CultureInfo.InvariantCulture))
        .UsingJobData("due", due.ToString("R", CultureInfo.InvariantCulture))
        .UsingJobData("payload", Payload)
        .StartAt(DateTimeOffset.UnixEpoch.AddMilliseconds(due))
        .Build();

    public sealed class Recorder : IJob
    {
        public ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
        {
            JobDataMap data = context.Trigger.JobDataMap;
            _events.Add(int.Parse(data.GetString("number")!, CultureInfo.InvariantCulture), double.Parse(data.GetString("due")!, CultureInfo.InvariantCulture));
            return ValueTask.CompletedTask;
        }
    }
}
