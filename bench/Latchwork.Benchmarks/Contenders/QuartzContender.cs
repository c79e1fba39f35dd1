using System.Globalization;
using System.Text.Json.Nodes;
using Quartz;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>Quartz.NET with its store in memory: a job and a trigger for each event, 64 threads.</summary>
internal sealed class QuartzContender : IContender
{
    private static readonly LatenessRecord _lateness = new();
    private readonly IScheduler _scheduler;
    private long _jobs;

    private QuartzContender(IScheduler scheduler)
    {
        _scheduler = scheduler;
        Verbs = new Dictionary<string, Func<JsonObject, Task<JsonObject?>>>
        {
            ["open"] = _ => Task.FromResult<JsonObject?>(null),
            ["posts"] = async request => await Loops.ClosedAsync(request, () => PostAsync(3_600_000)),
            ["listen"] = async _ =>
            {
                _lateness.Clear();
                await _scheduler.Start();
                return null;
            },
            ["pour"] = async request => await Loops.OpenAsync(request, PostAsync),
            ["lateness"] = async request => await _lateness.TellAsync(request),
            ["forget"] = _ =>
            {
                _lateness.Clear();
                return Task.FromResult<JsonObject?>(null);
            },
            ["unlisten"] = async _ =>
            {
                await _scheduler.Standby();
                await _scheduler.Clear();
                return null;
            },
        };
    }

    public IReadOnlyDictionary<string, Func<JsonObject, Task<JsonObject?>>> Verbs { get; }

    public static async Task<QuartzContender> StartAsync() =>
        new(await QuartzSchedulerBuilder.Create(quartz => quartz.UseInMemoryStore().UseDefaultThreadPool(64)).BuildScheduler());

    public async ValueTask DisposeAsync() => await _scheduler.Shutdown();

    private async Task PostAsync(double delay)
    {
        double due = Loops.Now + delay;
        string name = Interlocked.Increment(ref _jobs).ToString(CultureInfo.InvariantCulture);
        IJobDetail job = JobBuilder.Create<Recorder>().WithIdentity(name).UsingJobData("due", due).UsingJobData("payload", new string('x', 192)).Build();
        ITrigger trigger = TriggerBuilder.Create().StartAt(DateTimeOffset.UnixEpoch.AddMilliseconds(due)).Build();
        await _scheduler.ScheduleJob(job, trigger);
    }

    public sealed class Recorder : IJob
    {
        public ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
        {
            _lateness.Add(Loops.Now - context.JobDetail.JobDataMap.GetDouble("due"));
            return ValueTask.CompletedTask;
        }
    }
}
