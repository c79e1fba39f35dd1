using System.Diagnostics;
using Latchwork.Threading;

namespace Latchwork.Diagnostics;

/// <summary>Measures one operation of a store. It continues where the store completed it, unless that thread has the answers of others to give.</summary>
internal static class Instrumented
{
    public static async Task<T> MeasureAsync<TStore, TArgs, T>(
        TStore store,
        TArgs args,
        Func<TStore, TArgs, CancellationToken, Task<T>> call,
        string kind,
        string operation,
        Action<TArgs, T>? record,
        CancellationToken cancellationToken)
    {
        long start = TimeProvider.System.GetTimestamp();
        try
        {
            T result = await call(store, args, cancellationToken).ConfigureAwait(false);
            if (CallerThread.AnswersOthers) await CallerThread.Yield(); // a listener may take its time
            Record(start, kind, operation, error: null);
            if (record is not null) Listeners.Tell((record, args, result), static one => one.record(one.args, one.result));
            return result;
        }
        catch (Exception e)
        {
            Record(start, kind, operation, e);
            throw;
        }
    }

    private static void Record(long start, string kind, string operation, Exception? error)
    {
        if (!Metrics.StoreOperation.Enabled) return;
        var tags = new TagList { { Names.Store, kind }, { Names.StoreOperation, operation } };
        if (error is not null) tags.Add(Names.ErrorType, error is LatchworkStoreException known ? Names.Of(known.Outcome) : Names.OfError(error));
        Listeners.Tell((Seconds: TimeProvider.System.GetElapsedTime(start).TotalSeconds, Tags: tags), static one => Metrics.StoreOperation.Record(one.Seconds, one.Tags));
    }
}
