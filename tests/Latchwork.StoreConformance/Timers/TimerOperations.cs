using System.Globalization;
using Latchwork.Storage;

namespace Latchwork.StoreConformance.Timers;

/// <summary>One operation of a sequence: does it to the store and to the model, and compares. It names all it needs, so that a sequence stays valid when others are taken out.</summary>
public abstract record TimerOperation
{
    public abstract Task CheckAsync(TimerModelRun run);

    /// <summary>The same with less, for shrinking.</summary>
    public virtual IEnumerable<TimerOperation> Simpler() => [];

    protected static string Ms(TimeSpan? span) => span is null ? "-" : string.Create(CultureInfo.InvariantCulture, $"{span.Value.TotalMilliseconds:0.###}ms");

    protected static string Say(DeliveryKey key) => $"{key.Id}:{key.Token}";

    protected static string Say(DeadLetterLimits limits) => $"keep {limits.MaxCount} dead for {limits.Retention}";

    protected static string Say(CompletedLimits limits) => limits.Keeps ? $"keep {limits.MaxCount} completed for {limits.Retention}" : "keep none completed";

    protected static IEnumerable<T[]> Fewer<T>(T[] items) => items.Length <= 1 ? [] : items.Select((_, i) => items.Where((_, j) => j != i).ToArray());
}

/// <summary>When something is due: a delay, or a time since the run began.</summary>
public readonly record struct ModelDue(TimeSpan Span, bool Absolute)
{
    public Due In(TimerModelRun run) => Absolute ? Due.At(run.At(Span)) : Due.In(Span);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(Absolute ? "at @" : "in ")}{Span.TotalMilliseconds:0.###}");
}

public sealed record ModelPost(string Id, ModelDue Due, int MaxRetries, IfExists IfExists, char Content, int Length)
{
    public override string ToString() => $"{Id} {Due} {IfExists} retries {MaxRetries} {Content}*{Length}";
}

public sealed record PostOperation(ModelPost[] Posts) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        TimerEntry[] entries = [.. Posts.Select(p => new TimerEntry(p.Id, p.Due.In(run), Payload(p), p.MaxRetries, p.IfExists, null, IdIsNew: false))];
        IReadOnlyList<PostOutcome> store = await run.Timers.PostAsync(run.Partition, entries, CancellationToken.None);
        TimerModelRun.Compare(entries.Select(run.Model.Post), store);
    }

    public override IEnumerable<TimerOperation> Simpler() => Fewer(Posts).Select(posts => new PostOperation(posts));

    public override string ToString() => $"post {string.Join("; ", Posts.AsEnumerable())}";

    private static byte[] Payload(ModelPost post)
    {
        var payload = new byte[post.Length];
        Array.Fill(payload, (byte)post.Content);
        return payload;
    }
}

public sealed record ConfirmOperation(DeliveryKey[] Keys, CompletedLimits Limits) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run) =>
        TimerModelRun.Compare(run.Model.Confirm(Keys, Limits), await run.Timers.ConfirmAsync(run.Partition, Keys, Limits, CancellationToken.None));

    public override IEnumerable<TimerOperation> Simpler() => Fewer(Keys).Select(keys => new ConfirmOperation(keys, Limits));

    public override string ToString() => $"confirm {string.Join(' ', Keys.Select(Say))}, {Say(Limits)}";
}

public sealed record ExtendOperation(DeliveryKey[] Keys, TimeSpan Lease) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run) =>
        TimerModelRun.Compare(Keys.Select(key => run.Model.Extend(key, Lease)), await run.Timers.ExtendAsync(run.Partition, Keys, Lease, CancellationToken.None));

    public override IEnumerable<TimerOperation> Simpler() => Fewer(Keys).Select(keys => new ExtendOperation(keys, Lease));

    public override string ToString() => $"extend {string.Join(' ', Keys.Select(Say))} by {Ms(Lease)}";
}

public sealed record ReleaseOperation(DeliveryKey[] Keys) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run) =>
        TimerModelRun.Compare(Keys.Select(run.Model.Release), await run.Timers.ReleaseAsync(run.Partition, Keys, CancellationToken.None));

    public override IEnumerable<TimerOperation> Simpler() => Fewer(Keys).Select(keys => new ReleaseOperation(keys));

    public override string ToString() => $"release {string.Join(' ', Keys.Select(Say))}";
}

public sealed record FailOperation(TimerFailure[] Failures, DeadLetterLimits Limits) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run) =>
        TimerModelRun.Compare(run.Model.Fail(Failures, Limits), await run.Timers.FailAsync(run.Partition, Failures, Limits, CancellationToken.None));

    public override IEnumerable<TimerOperation> Simpler() => Fewer(Failures).Select(failures => new FailOperation(failures, Limits));

    public override string ToString() => $"fail {string.Join("; ", Failures.Select(f => $"{(f.IsInterruption ? "interrupted " : "")}{Say(f.Delivery)} on {f.NodeId} '{f.Error}' retry in {Ms(f.RetryIn)} else {f.Reason}"))}, {Say(Limits)}";
}

public sealed record CancelOperation(string Id, bool Revoke) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run) =>
        TimerModelRun.Compare([run.Model.Cancel(Id, Revoke)], [await run.Timers.CancelAsync(run.Partition, Id, Revoke, CancellationToken.None)]);

    public override string ToString() => $"{(Revoke ? "revoke" : "cancel")} {Id}";
}

public sealed record ChangeDelayOperation(string Id, ModelDue Due) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run) =>
        TimerModelRun.Compare([run.Model.ChangeDelay(Id, Due.In(run))], [await run.Timers.ChangeDelayAsync(run.Partition, Id, Due.In(run), CancellationToken.None)]);

    public override string ToString() => $"change delay of {Id}: {Due}";
}

/// <summary>A death that is meant; the time since the run began, or null for whichever.</summary>
public readonly record struct ModelDeadLetter(string Id, TimeSpan? DeadLetteredAt)
{
    public DeadLetterKey In(TimerModelRun run) => new(Id, DeadLetteredAt is TimeSpan at ? run.At(at) : null);

    public override string ToString() => DeadLetteredAt is TimeSpan at ? string.Create(CultureInfo.InvariantCulture, $"{Id}@{at.TotalMilliseconds}") : Id;
}

public sealed record RequeueOperation(ModelDeadLetter[] DeadLetters, ModelDue Due) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        DeadLetterKey[] keys = [.. DeadLetters.Select(deadLetter => deadLetter.In(run))];
        TimerModelRun.Compare(keys.Select(key => run.Model.Requeue(key, Due.In(run))), await run.Timers.RequeueAsync(run.Partition, keys, Due.In(run), CancellationToken.None));
    }

    public override IEnumerable<TimerOperation> Simpler() => Fewer(DeadLetters).Select(deadLetters => new RequeueOperation(deadLetters, Due));

    public override string ToString() => $"requeue {string.Join(' ', DeadLetters)} {Due}";
}

public sealed record PurgeOperation(ModelDeadLetter[] DeadLetters) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run)
    {
        DeadLetterKey[] keys = [.. DeadLetters.Select(deadLetter => deadLetter.In(run))];
        TimerModelRun.Compare(keys.Select(run.Model.Purge), await run.Timers.PurgeAsync(run.Partition, keys, CancellationToken.None));
    }

    public override IEnumerable<TimerOperation> Simpler() => Fewer(DeadLetters).Select(deadLetters => new PurgeOperation(deadLetters));

    public override string ToString() => $"purge {string.Join(' ', DeadLetters)}";
}

public sealed record PauseOperation(string By, string Reason) : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run) => TimerModelRun.Compare(
        run.Say(run.Model.SetPause(By, Reason)), run.Say(await run.Timers.PauseAsync(run.Partition, new PauseRequest(By, Reason), CancellationToken.None)));

    public override string ToString() => $"{By} pauses '{Reason}'";
}

public sealed record ResumeOperation : TimerOperation
{
    public override async Task CheckAsync(TimerModelRun run) =>
        TimerModelRun.Compare(run.Say(run.Model.Resume()), run.Say(await run.Timers.ResumeAsync(run.Partition, CancellationToken.None)));

    public override string ToString() => "resume";
}
