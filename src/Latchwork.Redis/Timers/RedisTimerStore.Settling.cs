namespace Latchwork.Redis.Timers;

/// <content>What ends or prolongs a delivery.</content>
internal sealed partial class RedisTimerStore
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<TimerOutcome>> ConfirmAsync(
        TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken)
    {
        if (deliveries.Count == 0) return Nothing();
        ScriptArguments arguments = Arguments(2 * CheckedCount(deliveries));
        AddDeliveries(ref arguments, deliveries);
        return SettleAsync(TimerScript.Confirm, partition, arguments, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<TimerOutcome>> ExtendAsync(
        TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, TimeSpan lease, CancellationToken cancellationToken)
    {
        if (deliveries.Count == 0) return Nothing();
        if (cancellationToken.IsCancellationRequested) return Task.FromCanceled<IReadOnlyList<TimerOutcome>>(cancellationToken);
        ScriptArguments arguments = Arguments(1 + 2 * CheckedCount(deliveries));
        arguments.Add(TimerCodec.Microseconds(lease));
        AddDeliveries(ref arguments, deliveries);
        RedisScript script = TimerScript.Extend.Script;
        return ReadOutcomesAsync(TranslateAsync(_connection.RenewAsync(script, _keys.Of(partition).Select(TimerScript.Extend.Keys), arguments.Items, lease), script, partition.Namespace));
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<TimerOutcome>> ReleaseAsync(
        TimerPartition partition, IReadOnlyList<DeliveryKey> deliveries, CancellationToken cancellationToken)
    {
        if (deliveries.Count == 0) return Nothing();
        ScriptArguments arguments = Arguments(1 + 2 * CheckedCount(deliveries));
        arguments.Add(_keys.Of(partition).Bell);
        AddDeliveries(ref arguments, deliveries);
        return SettleAsync(TimerScript.Release, partition, arguments, cancellationToken);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<TimerOutcome>> FailAsync(
        TimerPartition partition, IReadOnlyList<TimerFailure> failures, DeadLetterLimits deadLetters, CancellationToken cancellationToken)
    {
        if (failures.Count == 0) return Nothing();
        ScriptArguments arguments = Arguments(3 + 6 * CheckedCount(failures));
        arguments.Add(_keys.Of(partition).Bell);
        arguments.Add((long)deadLetters.Retention.TotalMilliseconds);
        arguments.Add(deadLetters.MaxCount);
        for (int i = 0; i < failures.Count; i++)
        {
            TimerFailure failure = failures[i];
            arguments.Add(failure.Delivery.Id);
            arguments.Add(failure.Delivery.Token);
            arguments.Add(failure.NodeId);
            arguments.Add(ErrorText.Clip(failure.Error));
            arguments.Add(failure.RetryIn is TimeSpan delay ? TimerCodec.Microseconds(delay) : -1);
            arguments.Add((int)failure.Reason);
        }

        return SettleAsync(TimerScript.Fail, partition, arguments, cancellationToken);
    }

    private static Task<IReadOnlyList<TimerOutcome>> Nothing() => Task.FromResult<IReadOnlyList<TimerOutcome>>([]);

    private static int CheckedCount<T>(IReadOnlyList<T> items)
    {
        CheckBatch(items.Count);
        return items.Count;
    }

    private static void AddDeliveries(ref ScriptArguments arguments, IReadOnlyList<DeliveryKey> deliveries)
    {
        for (int i = 0; i < deliveries.Count; i++)
        {
            arguments.Add(deliveries[i].Id);
            arguments.Add(deliveries[i].Token);
        }
    }

    private Task<IReadOnlyList<TimerOutcome>> SettleAsync(
        TimerScript script, TimerPartition partition, ScriptArguments arguments, CancellationToken cancellationToken) =>
        ReadOutcomesAsync(SendAsync(script, partition, arguments, cancellationToken));

    private static async Task<IReadOnlyList<TimerOutcome>> ReadOutcomesAsync(ValueTask<RedisReply> pending) =>
        TimerCodec.Outcomes(await pending.ConfigureAwait(false), static digit => (TimerOutcome)digit);
}
