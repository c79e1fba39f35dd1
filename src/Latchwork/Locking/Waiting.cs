using System.Diagnostics;
using Latchwork.Diagnostics;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork.Locking;

/// <summary>Measures and traces the wait of one caller for a key.</summary>
internal static class Waiting
{
    public static async Task<CallerAnswer> MeasureAsync(string ns, AlarmClock clock, FlightCaller caller, Func<Task<CallerAnswer>> wait)
    {
        Activity? activity = Tracing.StartWait(ns);
        using SpanEnd end = activity.EndWithBlock();
        caller.Context = Activity.Current?.Context ?? default;
        long start = clock.Now;
        try
        {
            CallerAnswer answer = await wait().ConfigureAwait(false);
            if (activity is not null) Listeners.Tell((activity, answer), static wait => Describe(wait.activity, wait.answer));
            Record(ns, clock, start, NameOf(answer));
            return answer;
        }
        catch (Exception e)
        {
            activity?.Fail(e);
            Record(ns, clock, start, e is LockTimeoutException ? "timeout" : e is OperationCanceledException ? "cancelled" : "error");
            throw;
        }
    }

    private static string NameOf(CallerAnswer answer) =>
        answer.Lock is not null ? "owner" : answer.Outcome!.Kind == LockerOutcomeKind.Failure ? "failure" : "result";

    private static void Describe(Activity activity, CallerAnswer answer)
    {
        activity.SetTag(Names.Outcome, NameOf(answer));
        // By the token the waits and the run of one result are found together across processes, too.
        activity.SetTag(Names.FencingToken, answer.Lock?.FencingToken ?? answer.Outcome?.FencingToken);
        if (answer.Run != default) activity.AddLink(new ActivityLink(answer.Run));
    }

    private static void Record(string ns, AlarmClock clock, long start, string outcome)
    {
        if (!Metrics.LockWait.Enabled) return;
        TagList tags = Names.OfLock(ns);
        tags.Add(Names.Outcome, outcome);
        Listeners.Tell((Seconds: clock.Time.GetElapsedTime(start).TotalSeconds, Tags: tags), static wait => Metrics.LockWait.Record(wait.Seconds, wait.Tags));
    }
}
