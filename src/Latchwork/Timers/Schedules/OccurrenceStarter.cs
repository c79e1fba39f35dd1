using Latchwork.Storage;
using Latchwork.Storage.Rules;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>
/// What stands between the claim of an occurrence and its handler: the schedule is read, the next occurrence is computed, and both are sent to the store in one
/// step. Only what that answers runs.
/// </summary>
/// <remarks>
/// While this is under way the delivery is held like any other, and its lease is extended. If the process dies before the step, the occurrence has not begun: it is
/// delivered again, and no retry is spent. The step can be repeated: see <see cref="IScheduleStore.AdvanceAsync"/>. After the step a death of the process spends
/// a retry: so for what has none left a handler is kept free from before the step, and without one it is handed back.
/// </remarks>
internal sealed class OccurrenceStarter(LeaseHolder holder, IScheduleStore schedules, IDeliveryQueue queue, PartitionPauses pauses)
{
    /// <summary>How often a plan is computed anew, because the schedule has changed, before the occurrence is handed back.</summary>
    private const int MaxChanges = 3;

    private readonly Lock _gate = new();
    private readonly HashSet<Task> _underWay = [];

    /// <summary>Ends when nothing is under way.</summary>
    public Task Settled
    {
        get
        {
            lock (_gate) return Task.WhenAll(_underWay);
        }
    }

    /// <summary>Begins occurrences that a claim brought. Returns immediately.</summary>
    /// <param name="client">Their partition.</param>
    /// <param name="deliveries">The occurrences.</param>
    /// <param name="others">What else it brought and is to be added together with them. It has begun: if their schedules cannot be read now, it does not wait for that.</param>
    public void Begin(PartitionClient client, List<TimerDelivery> deliveries, List<TimerDelivery> others)
    {
        int pausesBefore = pauses.CountOf(client);
        List<TimerDelivery> tooMany = deliveries.FindAll(delivery => delivery.IsLastAttempt && !queue.TryKeepHandler(delivery));
        if (tooMany.Count > 0) deliveries = [.. deliveries.Except(tooMany)];
        lock (_gate)
        {
            Task running = Task.Run(() => Task.WhenAll([RunAsync(client, deliveries, others, pausesBefore), .. tooMany.Select(HandBackAsync)]));
            _underWay.Add(running);
            _ = running.ContinueWith(Forget, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private void Forget(Task ended)
    {
        lock (_gate) _underWay.Remove(ended);
    }

    // Never throws.
    private async Task RunAsync(PartitionClient client, List<TimerDelivery> deliveries, List<TimerDelivery> others, int pausesBefore)
    {
        // What is added together is read together, before any of it begins: what has begun and waits for a read that fails would spend a retry when its lease ends.
        foreach (TimerDelivery[] together in deliveries.Chunk(queue.TakesTogether ? int.MaxValue : ScheduleReader.MaxRead))
        {
            Dictionary<string, ScheduleRecord?> records = [];
            List<TimerDelivery> known = [];
            foreach (TimerDelivery[] piece in together.Chunk(ScheduleReader.MaxRead))
            {
                if (await ReadAsync(client, piece, records, AddOthersAsync).ConfigureAwait(false)) known.AddRange(piece);
            }

            if (known.Count == 0) continue;
            var round = new Round(known.Count, others, started => DispatchAsync(client, started, pausesBefore));
            others = [];
            await Task.WhenAll(known.ConvertAll(delivery => StartAsync(client, delivery, records[OccurrenceId.ScheduleOf(delivery.Id)!], pausesBefore, round))).ConfigureAwait(false);
        }

        await AddOthersAsync().ConfigureAwait(false);

        async Task AddOthersAsync()
        {
            if (others.Count == 0) return;
            List<TimerDelivery> added = others;
            others = [];
            await DispatchAsync(client, added, pausesBefore).ConfigureAwait(false);
        }
    }

    /// <summary>Reads the schedules of occurrences. Never throws.</summary>
    /// <param name="client">Their partition.</param>
    /// <param name="piece">The occurrences: what cannot be read is given up.</param>
    /// <param name="records">Is given what was read.</param>
    /// <param name="onFailed">Called before the store is asked again.</param>
    /// <returns>Whether they were read.</returns>
    private async Task<bool> ReadAsync(PartitionClient client, TimerDelivery[] piece, Dictionary<string, ScheduleRecord?> records, Func<Task> onFailed)
    {
        try
        {
            string[] ids = [.. piece.Select(delivery => OccurrenceId.ScheduleOf(delivery.Id)!).Distinct(StringComparer.Ordinal)];
            ScheduleReading reading = await RepeatAsync(token => schedules.ReadAsync(client.Partition, ids, token), piece, onFailed).ConfigureAwait(false);
            for (int i = 0; i < ids.Length; i++) records[ids[i]] = reading.Records[i];
            return true;
        }
#pragma warning disable CA1031 // Nobody waits for this: it is reported, and the leases run out.
        catch (Exception e)
#pragma warning restore CA1031
        {
            foreach (TimerDelivery delivery in piece) GiveUp(delivery, e);
            return false;
        }
    }

    // Never throws.
    private async Task StartAsync(PartitionClient client, TimerDelivery delivery, ScheduleRecord? record, int pausesBefore, Round round)
    {
        bool isInRound = true;
        try
        {
            for (int changes = 0; ; changes++)
            {
                if (delivery.IsOver || holder.Now >= delivery.Deadline)
                {
                    // Another may have it by now, and if not, it has not begun: its lease ends, and no retry is spent.
                    holder.OnLeaseLost(delivery, DeliveryEnd.LeaseRanOut, quietly: true);
                    delivery.MarkEnded();
                    DidNotRun(delivery);
                    return;
                }

                if (pauses.CountOf(client) != pausesBefore)
                {
                    await LeaveRoundAsync().ConfigureAwait(false);
                    await HandBackAsync(delivery).ConfigureAwait(false);
                    return;
                }

                (OccurrenceAdvance advance, OccurrencePlan? plan) = Plan(delivery, record);
                AdvanceAnswer answer = await RepeatAsync(token => client.Advances.AddAsync(advance, token), [delivery], LeaveRoundAsync).ConfigureAwait(false);
                if (answer.Outcome == AdvanceOutcome.Changed)
                {
                    await LeaveRoundAsync().ConfigureAwait(false);
                    record = answer.Record;
                    if (changes < MaxChanges) continue;
                    await HandBackAsync(delivery).ConfigureAwait(false);
                }
                else if (answer.Outcome == AdvanceOutcome.Run)
                {
                    if (advance.Headers is { } headers) delivery.Redate(headers);
                    Log(delivery, plan, answer.Outcome);
                    if (!isInRound)
                    {
                        await DispatchAsync(client, [delivery], pausesBefore).ConfigureAwait(false);
                        return;
                    }

                    isInRound = false;
                    await round.AnsweredAsync(delivery).ConfigureAwait(false);
                }
                else
                {
                    // It ended, waits for another, or is another's by now: in each case nothing of it is this node's any more.
                    Log(delivery, plan, answer.Outcome);
                    delivery.Settle(answer.Outcome == AdvanceOutcome.Waiting ? TimerOutcome.Stale : TimerOutcome.NotFound);
                    delivery.MarkEnded();
                    DidNotRun(delivery);
                }

                return;
            }
        }
#pragma warning disable CA1031 // Nobody waits for this: it is reported, and the lease runs out.
        catch (Exception e)
#pragma warning restore CA1031
        {
            GiveUp(delivery, e);
        }
        finally
        {
            await LeaveRoundAsync().ConfigureAwait(false);
        }

        Task LeaveRoundAsync()
        {
            if (!isInRound) return Task.CompletedTask;
            isInRound = false;
            return round.AnsweredAsync(null);
        }
    }

    private async Task DispatchAsync(PartitionClient client, List<TimerDelivery> started, int pausesBefore)
    {
        List<TimerDelivery> over = started.FindAll(static delivery => delivery.IsOver);
        if (over.Count > 0) started = [.. started.Except(over)];
        foreach (TimerDelivery delivery in started) delivery.QueuedAt = holder.Now; // what it has waited for until now says nothing about this node's handlers
        if (started.Count > 0 && pauses.CountOf(client) == pausesBefore && queue.TryAdd(started))
        {
            if (pauses.CountOf(client) != pausesBefore) pauses.HandBackUnstarted(client);
            started = [];
        }

        // The node leaves, or the namespace is paused; whoever claims the others next finds that they have begun.
        await Task.WhenAll([.. over.Select(delivery => ReturnAsync(client, delivery)), .. started.Select(HandBackAsync)]).ConfigureAwait(false);
    }

    // It was lost while the step was made. Its token is still good if nobody took it over: then it goes back as it is, instead of spending a retry when the lease ends.
    private async Task ReturnAsync(PartitionClient client, TimerDelivery delivery)
    {
        try
        {
            await holder.Calls.ReleaseAsync(client, delivery.Key, holder.Now + TimerSettings.LeaveGrace, holder.Aborted).OffStoreThread().ConfigureAwait(false);
            delivery.MarkEnded();
            DidNotRun(delivery);
        }
#pragma warning disable CA1031 // Nobody waits for this: it is reported, and the lease runs out.
        catch (Exception e)
#pragma warning restore CA1031
        {
            GiveUp(delivery, e);
        }
    }

    private async Task HandBackAsync(TimerDelivery delivery)
    {
        await holder.HandBackAsync(delivery).ConfigureAwait(false);
        DidNotRun(delivery);
    }

    private void DidNotRun(TimerDelivery delivery)
    {
        queue.FreeHandler(delivery);
        holder.DidNotRun(delivery);
    }

    /// <summary>What is to become of a delivery.</summary>
    private (OccurrenceAdvance Advance, OccurrencePlan? Plan) Plan(TimerDelivery delivery, ScheduleRecord? record)
    {
        ScheduleDeclaration? declaration = null;
        if (record is not null)
        {
            try
            {
                declaration = ScheduleDeclaration.Decode(record.Body);
            }
            catch (InvalidDataException e)
            {
                holder.Errors.Log.ScheduleDamaged(e, record.Id, holder.Settings.Namespace);
            }
        }

        return OccurrencePlan.Decide(record, declaration, delivery.Key, delivery.Due, delivery.ClaimedAt, holder.Settings.NodeId);
    }

    /// <summary>A store that does not answer is asked again for as long as the lease lasts, which is extended meanwhile.</summary>
    /// <param name="call">Asks it.</param>
    /// <param name="deliveries">What it is asked about.</param>
    /// <param name="onFailed">Called before it is asked again; null for nothing.</param>
    private async Task<T> RepeatAsync<T>(Func<CancellationToken, Task<T>> call, TimerDelivery[] deliveries, Func<Task>? onFailed = null)
    {
        for (int n = 0; ; n++)
        {
            TimeSpan pause = Backoff.OfStore(n);
            try
            {
                return await call(holder.Aborted).OffStoreThread().ConfigureAwait(false);
            }
            catch (LatchworkStoreException e) when ((e.IsTransient || e.Outcome == StoreOutcome.Unknown) && Array.Exists(deliveries, delivery => !delivery.IsOver && holder.Now + pause < delivery.Deadline))
            {
                if (onFailed is not null) await onFailed().ConfigureAwait(false);
                await Task.Delay(pause, holder.Settings.Time, holder.Aborted).ConfigureAwait(false);
            }
        }
    }

    private void GiveUp(TimerDelivery delivery, Exception e)
    {
        bool isStopped = holder.Aborted.IsCancellationRequested;
        holder.OnLeaseLost(delivery, DeliveryEnd.LeftBehind, quietly: true);
        delivery.MarkEnded();
        DidNotRun(delivery);
        if (!isStopped) holder.Errors.Report(FailedOperation.Occurrence, e, delivery);
    }

    private void Log(TimerDelivery delivery, OccurrencePlan? plan, AdvanceOutcome outcome)
    {
        string shown = delivery.Id.Replace(OccurrenceId.Separator, '@');
        if (outcome == AdvanceOutcome.Ended)
        {
            OccurrenceOutcome why = plan is { Run: false } ? plan.EndAs : OccurrenceOutcome.Overlapped;
            holder.Errors.Log.OccurrenceSkipped(shown, holder.Settings.Namespace, why, plan?.Missed ?? 0);
        }
        else if (outcome == AdvanceOutcome.Waiting && plan is not null)
        {
            holder.Errors.Log.OccurrenceWaits(shown, holder.Settings.Namespace);
        }
        else if (outcome == AdvanceOutcome.Run && plan is { Missed: > 0 })
        {
            holder.Errors.Log.OccurrencesMissed(shown, holder.Settings.Namespace, plan.IsMore ? $"more than {plan.Missed}" : $"{plan.Missed}");
        }
    }

    /// <summary>
    /// Occurrences whose steps are sent together, and answered together as a rule. What may run is passed on when all are answered, together: who takes several takes
    /// them at a time, and a caller that waits for events is given as many as it wants. What has to be asked again does not hold up the others.
    /// </summary>
    /// <param name="count">How many they are.</param>
    /// <param name="others">What is passed on with them and has begun already.</param>
    /// <param name="dispatch">Passes them on.</param>
    private sealed class Round(int count, List<TimerDelivery> others, Func<List<TimerDelivery>, Task> dispatch)
    {
        private readonly Lock _gate = new();
        private readonly List<TimerDelivery> _started = [.. others];
        private int _left = count;

        /// <summary>One is answered.</summary>
        /// <param name="started">The one that is to run; null if it is not, or has to be asked about again.</param>
        /// <returns>A task that ends, with the last of a round, when all that run have been passed on.</returns>
        public Task AnsweredAsync(TimerDelivery? started)
        {
            lock (_gate)
            {
                if (started is not null) _started.Add(started);
                if (--_left > 0) return Task.CompletedTask;
            }

            return _started.Count > 0 ? dispatch(_started) : Task.CompletedTask;
        }
    }
}
