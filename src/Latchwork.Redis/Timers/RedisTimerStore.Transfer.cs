namespace Latchwork.Redis.Timers;

/// <content>
/// Moving a namespace; see <see cref="IStoreTransfer"/>. Of several partitions each has marks of its own, and each step is a step for each of
/// them: <see cref="PartedMarks"/> says why a step that was cut off in between is the step before it, and can be made again.
/// </content>
internal sealed partial class RedisTimerStore
{
    /// <summary>From which partition of a namespace the last page of a move was read.</summary>
    private readonly ConcurrentDictionary<(string Namespace, string MoveId), int> _moving = new();

    public async Task<(TransferMarks Marks, bool Changed)> MarksAsync(
        string ns, (TransferMarks Expected, TransferMarks Next)? change, CancellationToken cancellationToken)
    {
        if (change is not null) await RegisterAsync(ns, cancellationToken).ConfigureAwait(false);
        if (_partitions == 1) return await MarksAsync(new TimerPartition(ns, 0), change, cancellationToken).ConfigureAwait(false);

        TransferMarks[] parts = await PartsAsync(ns, cancellationToken).ConfigureAwait(false);
        TransferMarks seen = PartedMarks.Whole(parts);
        if (change is not var (expected, next) || seen != expected) return (seen, false);
        for (int i = 0; i < parts.Length; i++)
        {
            if (PartedMarks.Next(parts[i], expected, next) is not { } wanted) return (seen, false);
            if (wanted == parts[i]) continue;
            (_, bool changed) = await MarksAsync(new TimerPartition(ns, i), (parts[i], wanted), cancellationToken).ConfigureAwait(false);
            if (!changed) return (seen, false);
        }

        return (next, true);
    }

    public async Task<SealAnswer> SealAsync(string ns, string moveId, string target, bool checkOnly, CancellationToken cancellationToken)
    {
        if (_partitions == 1) return await SealAsync(new TimerPartition(ns, 0), moveId, target, checkOnly, cancellationToken).ConfigureAwait(false);

        // First a look at all of them, so that none is sealed as long as anything stands in the way of another.
        SealAnswer[] looks = await EachAsync(
            Enumerable.Range(0, _partitions), i => SealAsync(new TimerPartition(ns, i), moveId, target, checkOnly: true, cancellationToken)).ConfigureAwait(false);
        if (Array.Exists(looks, IsInTheWay) || checkOnly) return Sum(looks);

        // A seal that was cut off is gone on with, under its own id.
        if (Array.Find(looks, static look => look.Seal is not null)?.Seal is { } begun) (moveId, target) = (begun.MoveId, begun.Place);
        for (int i = 0; i < looks.Length; i++)
        {
            if (looks[i].Seal is not null) continue;
            looks[i] = await SealAsync(new TimerPartition(ns, i), moveId, target, checkOnly: false, cancellationToken).ConfigureAwait(false);
            if (looks[i].Seal is null) return Sum(looks);
        }

        return Sum(looks);

        static bool IsInTheWay(SealAnswer answer) => answer.Seal is null && (answer.Listeners.Count > 0 || answer.LeaseLeft > TimeSpan.Zero);

        static SealAnswer Sum(SealAnswer[] answers) => new(
            Array.TrueForAll(answers, static answer => answer.Seal is not null) ? PartedMarks.Whole([.. answers.Select(static answer => new TransferMarks(answer.Seal, null))]).Seal : null,
            [.. answers.SelectMany(static answer => answer.Listeners).Distinct(StringComparer.Ordinal).Take(TransferRules.MaxNamed)],
            answers.Max(static answer => answer.LeaseLeft));
    }

    public async Task DropJournalAsync(string ns, CancellationToken cancellationToken) =>
        await EachAsync(
            Enumerable.Range(0, _partitions),
            async i => await SendAsync(TimerScript.DropJournal, new TimerPartition(ns, i), Arguments(0), cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);

    public async Task<IReadOnlyList<TransferEvent>> NextAsync(string ns, string moveId, IReadOnlyList<string> arrived, CancellationToken cancellationToken)
    {
        CheckBatch(arrived.Count);
        if (_partitions == 1) return await NextAsync(new TimerPartition(ns, 0), moveId, arrived, cancellationToken).ConfigureAwait(false);

        // A page comes from one partition, and those before it are empty: nothing comes to a sealed namespace. What has arrived is deleted where
        // it was read, even if it did not belong there.
        int next = _moving.GetValueOrDefault((ns, moveId));
        bool isSealed = next > 0;
        for (; next < _partitions; next++)
        {
            var partition = new TimerPartition(ns, next);
            try
            {
                IReadOnlyList<TransferEvent> page = await NextAsync(partition, moveId, arrived, cancellationToken).ConfigureAwait(false);
                _moving[(ns, moveId)] = next;
                if (page.Count > 0) return page;
                (isSealed, arrived) = (true, []);
            }
            catch (LatchworkStoreException e) when (e.Outcome == StoreOutcome.NotApplied && (next < _partitions - 1 || isSealed))
            {
                // An abort was cut off that has opened some of them: what it has opened it has done with.
                TransferMarks marks = (await MarksAsync(partition, null, cancellationToken).ConfigureAwait(false)).Marks;
                if (marks.Seal is not null) throw;
            }
        }

        _moving.TryRemove((ns, moveId), out _);
        return [];
    }

    public async Task<IReadOnlyList<ImportOutcome>> ImportAsync(string ns, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken)
    {
        if (events.Count == 0) return [];
        CheckBatch(events.Count);
        int[][] groups = [.. Enumerable.Range(0, events.Count).GroupBy(i => TimerPartition.Of(ns, events[i].Id, _partitions).Index).Select(static group => group.ToArray())];
        var outcomes = new ImportOutcome[events.Count];
        await EachAsync(Enumerable.Range(0, groups.Length), async g =>
        {
            TransferEvent[] some = Array.ConvertAll(groups[g], i => events[i]);
            ImportOutcome[] answers = await ImportAsync(TimerPartition.Of(ns, some[0].Id, _partitions), moveId, some, cancellationToken).ConfigureAwait(false);
            for (int i = 0; i < answers.Length; i++) outcomes[groups[g][i]] = answers[i];
            return true;
        }).ConfigureAwait(false);
        return outcomes;
    }

    private Task<TransferMarks[]> PartsAsync(string ns, CancellationToken cancellationToken) => EachAsync(
        Enumerable.Range(0, _partitions), async i => (await MarksAsync(new TimerPartition(ns, i), null, cancellationToken).ConfigureAwait(false)).Marks);

    private async Task<(TransferMarks Marks, bool Changed)> MarksAsync(
        TimerPartition partition, (TransferMarks Expected, TransferMarks Next)? change, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.Marks, partition, MarksArguments(change), cancellationToken).ConfigureAwait(false);
        return (new TransferMarks(TransferMark.Parse(reply.Items[0].Text), TransferMark.Parse(reply.Items[1].Text)), reply.Items[2].Number == 1);
    }

    private async Task<SealAnswer> SealAsync(TimerPartition partition, string moveId, string target, bool checkOnly, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.Seal, partition, SealArguments(moveId, target, checkOnly), cancellationToken).ConfigureAwait(false);
        var listeners = new List<string>();
        for (int i = 2; i < reply.Items.Length; i++) listeners.Add(reply.Items[i].Text);
        return new SealAnswer(TransferMark.Parse(reply.Items[0].Text), listeners, TimerCodec.Span(reply.Items[1].Number));
    }

    private async Task<IReadOnlyList<TransferEvent>> NextAsync(TimerPartition partition, string moveId, IReadOnlyList<string> arrived, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.Next, partition, NextArguments(moveId, arrived), cancellationToken).ConfigureAwait(false);
        var events = new TransferEvent[reply.Items.Length];
        for (int i = 0; i < events.Length; i++) events[i] = ReadMoved(reply.Items[i].Items);
        return events;
    }

    private async Task<ImportOutcome[]> ImportAsync(TimerPartition partition, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken)
    {
        (RedisReply reply, LatchworkStoreException? shortfall) = await WriteAsync(
            TimerScript.Import, partition, ImportArguments(partition, moveId, events), cancellationToken).ConfigureAwait(false);
        if (shortfall is not null) throw shortfall; // the source keeps what replicas do not have yet; the next run goes on
        return TimerCodec.Outcomes(reply, static digit => (ImportOutcome)digit);
    }

    private static TransferEvent ReadMoved(RedisReplies item)
    {
        const int Now = 0, When = 3, Id = 9;
        TimerSnapshot snapshot = SnapshotReader.Read(item[Id].Text, item);
        return TransferRules.Pack(snapshot, item[Now].Number * TimeSpan.TicksPerMicrosecond, item[When].Number);
    }

    private ScriptArguments MarksArguments((TransferMarks Expected, TransferMarks Next)? change)
    {
        ScriptArguments arguments = Arguments(5);
        if (change is not var (expected, next)) return arguments;
        arguments.Add(expected.Seal?.ToString() ?? "");
        arguments.Add(expected.Import?.ToString() ?? "");
        arguments.Add(next.Seal?.ToString() ?? "");
        arguments.Add(next.Import?.ToString() ?? "");
        arguments.Add(next.Seal is { Phase: TransferPhase.Moved } && next.Seal != expected.Seal ? 1 : 0);
        return arguments;
    }

    private ScriptArguments SealArguments(string moveId, string target, bool checkOnly)
    {
        ScriptArguments arguments = Arguments(3);
        arguments.Add(moveId);
        arguments.Add(target);
        arguments.Add(checkOnly ? 1 : 0);
        return arguments;
    }

    private ScriptArguments NextArguments(string moveId, IReadOnlyList<string> arrived)
    {
        ScriptArguments arguments = Arguments(1 + arrived.Count);
        arguments.Add(moveId);
        foreach (string id in arrived) arguments.Add(id);
        return arguments;
    }

    private ScriptArguments ImportArguments(TimerPartition partition, string moveId, IReadOnlyList<TransferEvent> events)
    {
        byte[][] bodies = [.. events.Select(static e => TimerCodec.EncodeBody(e.MaxRetries, e.Headers, e.Payload.Span))];
        ScriptArguments arguments = Arguments(3 + events.Sum(static e => 7 + e.Failures.Count));
        arguments.Add(_keys.Of(partition).Bell);
        arguments.Add(moveId);
        arguments.Add(bodies.Max(static body => body.Length) - TimerCodec.BodyPrefix);
        for (int i = 0; i < bodies.Length; i++)
        {
            TransferEvent moved = events[i];
            arguments.Add(moved.Id);
            arguments.Add(TimerCodec.Microseconds(moved.DueIn));
            arguments.Add(moved.Death is { } death ? TimerCodec.Microseconds(death.Ago) : "");
            arguments.Add(bodies[i]);
            arguments.Add(moved.Retries);
            arguments.Add((int)(moved.Death?.Reason ?? 0));
            arguments.Add(moved.Failures.Count);
            foreach (AttemptFailure failure in moved.Failures) arguments.Add(Encode(failure));
        }

        return arguments;
    }

    /// <summary>A failure as past.lua writes it.</summary>
    private static byte[] Encode(AttemptFailure failure)
    {
        int node = Encoding.UTF8.GetByteCount(failure.NodeId), error = Encoding.UTF8.GetByteCount(failure.Error);
        return Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"{failure.Attempt} {failure.At.ToUnixTimeMilliseconds()} {node} {error} {failure.NodeId}{failure.Error}"));
    }
}
