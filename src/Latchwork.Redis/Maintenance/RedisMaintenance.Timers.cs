namespace Latchwork.Redis.Maintenance;

/// <content>
/// Moving a namespace of timers. Of several partitions each has marks of its own, and each step is a step for each of them: <see cref="PartedMarks"/> says why
/// a step that was cut off in between is the step before it, and can be made again.
/// </content>
internal sealed partial class RedisMaintenance
{
    /// <summary>From which partition of a namespace the last page of a move was read.</summary>
    private readonly ConcurrentDictionary<(string Namespace, string MoveId), int> _pageCursor = new();

    private async Task<(TransferMarks Marks, bool Changed)> MarksAsync(
        string ns, (TransferMarks Expected, TransferMarks Next)? change, CancellationToken cancellationToken)
    {
        if (change is not null) await timers.RegisterAsync(ns, cancellationToken).ConfigureAwait(false);
        if (timers.Partitions == 1) return await MarksAsync(new TimerPartition(ns, 0), change, cancellationToken).ConfigureAwait(false);

        TransferMarks[] parts = await timers.EachAsync(
            ns, async partition => (await MarksAsync(partition, null, cancellationToken).ConfigureAwait(false)).Marks).ConfigureAwait(false);
        TransferMarks seen = PartedMarks.Whole(parts);
        if (change is not var (expected, next) || seen != expected) return (seen, false);
        for (int i = 0; i < parts.Length; i++)
        {
            if (PartedMarks.Next(parts[i], expected, next) is not { } wanted) return (seen, false);
            if (wanted == parts[i]) continue;
            if (i == 0) wanted = wanted with { Counters = next.Counters };
            (_, bool changed) = await MarksAsync(new TimerPartition(ns, i), (parts[i], wanted), cancellationToken).ConfigureAwait(false);
            if (!changed) return (seen, false);
        }

        return (next, true);
    }

    private async Task<CloseAnswer> CloseAsync(string ns, string moveId, string target, bool checkOnly, CancellationToken cancellationToken)
    {
        if (timers.Partitions == 1) return await CloseAsync(new TimerPartition(ns, 0), moveId, target, checkOnly, cancellationToken).ConfigureAwait(false);

        // First a check of all of them, so that none is closed as long as anything stands in the way of another.
        CloseAnswer[] looks = await timers.EachAsync(
            ns, partition => CloseAsync(partition, moveId, target, checkOnly: true, cancellationToken)).ConfigureAwait(false);
        if (Array.Exists(looks, IsInTheWay) || checkOnly) return Sum(looks);

        // Closing that was cut off is continued, under its own id.
        if (Array.Find(looks, static look => look.Seal is not null)?.Seal is { } begun) (moveId, target) = (begun.MoveId, begun.Place);
        for (int i = 0; i < looks.Length; i++)
        {
            if (looks[i].Seal is not null) continue;
            looks[i] = await CloseAsync(new TimerPartition(ns, i), moveId, target, checkOnly: false, cancellationToken).ConfigureAwait(false);
            if (looks[i].Seal is not { } seal) return Sum(looks);
            (moveId, target) = (seal.MoveId, seal.Place); // of two movers that begin together, the one that seals the first partition names the move
        }

        return Sum(looks);

        static bool IsInTheWay(CloseAnswer answer) => answer.Seal is null && (answer.Listeners.Count > 0 || answer.LeaseLeft > TimeSpan.Zero);

        static CloseAnswer Sum(CloseAnswer[] answers) => new(
            Array.TrueForAll(answers, static answer => answer.Seal is not null) ? PartedMarks.Whole([.. answers.Select(static answer => new TransferMarks(answer.Seal, null))]).Seal : null,
            [.. answers.SelectMany(static answer => answer.Listeners).Distinct(StringComparer.Ordinal).Take(MaintenanceRules.MaxNamed)],
            answers.Max(static answer => answer.LeaseLeft));
    }

    public async Task<TimerCounters> ReadCountersAsync(string ns, CancellationToken cancellationToken) => CounterSum.Of(await timers.EachAsync(
        ns,
        async partition => CounterFields.Read(await timers.SendAsync(TimerScript.MoveCounters, partition, cancellationToken).ConfigureAwait(false))).ConfigureAwait(false));

    public async Task<bool> DropJournalAsync(NamespaceRef unit, CancellationToken cancellationToken)
    {
        if (unit.Kind == TransferKind.Timers)
            await timers.EachAsync(unit.Namespace, partition => timers.SendAsync(TimerScript.DropJournal, partition, cancellationToken).AsTask()).ConfigureAwait(false);
        return true;
    }

    public async Task<IReadOnlyList<TransferEvent>> ReadEventsAsync(string ns, string moveId, IReadOnlyList<string> arrived, CancellationToken cancellationToken)
    {
        RedisTimerStore.CheckBatch(arrived.Count);
        if (timers.Partitions == 1) return await ReadEventsAsync(new TimerPartition(ns, 0), moveId, arrived, cancellationToken).ConfigureAwait(false);

        // A page comes from one partition, and those before it are empty: nothing comes to a closed namespace. What has arrived is deleted where
        // it was read, even if it did not belong there.
        int next = _pageCursor.GetValueOrDefault((ns, moveId));
        bool isSealed = next > 0;
        for (; next < timers.Partitions; next++)
        {
            var partition = new TimerPartition(ns, next);
            try
            {
                IReadOnlyList<TransferEvent> page = await ReadEventsAsync(partition, moveId, arrived, cancellationToken).ConfigureAwait(false);
                _pageCursor[(ns, moveId)] = next;
                if (page.Count > 0) return page;
                (isSealed, arrived) = (true, []);
            }
            catch (LatchworkStoreException e) when (e.Outcome == StoreOutcome.NotApplied && (next < timers.Partitions - 1 || isSealed))
            {
                TransferMark? seal = (await MarksAsync(partition, null, cancellationToken).ConfigureAwait(false)).Marks.Seal;
                if (!IsDoneWith(seal)) throw;
                if (seal is not null) (isSealed, arrived) = (true, []);
            }
        }

        _pageCursor.TryRemove((ns, moveId), out _);
        return [];

        // An abort was cut off that has opened some partitions, or the end of this move that found some empty: by another process, perhaps now.
        bool IsDoneWith(TransferMark? seal) => seal is null || (seal.MoveId == moveId && seal.Phase == TransferPhase.Moved);
    }

    public async Task<IReadOnlyList<ImportOutcome>> WriteEventsAsync(string ns, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken)
    {
        if (events.Count == 0) return [];
        RedisTimerStore.CheckBatch(events.Count);
        ILookup<TimerPartition, int> places = Enumerable.Range(0, events.Count).ToLookup(i => TimerPartition.Of(ns, events[i].Id, timers.Partitions));
        var outcomes = new ImportOutcome[events.Count];
        await RedisTimerStore.EachAsync(places.Select(static place => place.Key), async partition =>
        {
            int[] own = [.. places[partition]];
            ImportOutcome[] answers = await WriteEventsAsync(partition, moveId, Array.ConvertAll(own, i => events[i]), cancellationToken).ConfigureAwait(false);
            for (int i = 0; i < answers.Length; i++) outcomes[own[i]] = answers[i];
            return true;
        }).ConfigureAwait(false);
        return outcomes;
    }

    public async Task<CompletedPage> ReadCompletedAsync(string ns, string? cursor, CancellationToken cancellationToken)
    {
        // Partition by partition: the cursor begins with the index.
        int partition = 0;
        string? place = null;
        if (cursor is not null)
        {
            int space = cursor.IndexOf(' ', StringComparison.Ordinal);
            if (space < 0 || !int.TryParse(cursor.AsSpan(0, space), NumberStyles.None, CultureInfo.InvariantCulture, out partition) || partition >= timers.Partitions)
                throw new ArgumentException("'cursor' must be the cursor of the page before.", nameof(cursor));
            place = space == cursor.Length - 1 ? null : cursor[(space + 1)..];
        }

        CompletedRows rows = await timers.ReadCompletedAsync(TimerScript.ScanCompleted, new TimerPartition(ns, partition), timers.Partitions, place, Limits.MaxBatch, cancellationToken).ConfigureAwait(false);
        (int next, string? at) = rows.Cursor is null ? (partition + 1, null) : (partition, rows.Cursor);

        // What cannot be read stays behind, and is deleted with the rest: it says of nothing when or where.
        return new CompletedPage(
            [.. rows.Lines.Select(static row => CompletedCodec.Decode(row.Id, row.At, row.Record.Span)).OfType<CompletedEvent>()],
            next < timers.Partitions ? string.Create(CultureInfo.InvariantCulture, $"{next} {at}") : null);
    }

    public async Task<bool> WriteCompletedAsync(string ns, string moveId, IReadOnlyList<CompletedEvent> lines, CancellationToken cancellationToken)
    {
        RedisTimerStore.CheckBatch(lines.Count);
        ILookup<TimerPartition, CompletedEvent> places = lines.ToLookup(line => TimerPartition.Of(ns, line.Id, timers.Partitions));
        bool[] open = await RedisTimerStore.EachAsync(places.Select(static place => place.Key), async partition =>
        {
            CompletedEvent[] own = [.. places[partition]];
            ArgumentList arguments = timers.Begin(timers.Partitions, 3 * own.Length, moveId, CompletedLimits.ShareOf(timers.Partitions));
            foreach (CompletedEvent line in own) arguments.Add(line.Id, line.CompletedAt.ToUnixTimeMilliseconds(), CompletedCodec.Encode(line));
            (RedisReply reply, LatchworkStoreException? shortfall) =
                await timers.WriteAsync(TimerScript.ImportCompleted, partition, arguments.All, cancellationToken).ConfigureAwait(false);
            return shortfall is null ? reply.Number == 1 : throw shortfall; // the source keeps what replicas do not have yet; the next run continues
        }).ConfigureAwait(false);
        return Array.TrueForAll(open, static one => one);
    }

    private async Task<(TransferMarks Marks, bool Changed)> MarksAsync(
        TimerPartition partition, (TransferMarks Expected, TransferMarks Next)? change, CancellationToken cancellationToken)
    {
        RedisValue[] arguments = [];
        if (change is var (expected, next))
        {
            int isEnd = next.Seal is { Phase: TransferPhase.Moved } && next.Seal != expected.Seal ? 1 : 0;
            arguments = [Text(expected.Seal), Text(expected.Import), Text(next.Seal), Text(next.Import), isEnd, TextOfPause(expected.Pause), TextOfPause(next.Pause)];
            if (next.Counters is { } counters) arguments = [.. arguments, .. CounterFields.ToArguments(counters)];
        }

        RedisReply reply = await timers.SendAsync(TimerScript.MoveMarks, partition, cancellationToken, arguments).ConfigureAwait(false);
        return (new TransferMarks(TransferMark.Parse(reply[0].Text), TransferMark.Parse(reply[1].Text)) { Pause = PauseText.Parse(reply[3].Text) }, reply[2].Number == 1);

        static RedisValue Text(TransferMark? mark) => mark?.ToString() ?? "";
        static RedisValue TextOfPause(TimerPause? pause) => pause is null ? "" : PauseText.Write(pause);
    }

    private async Task<CloseAnswer> CloseAsync(TimerPartition partition, string moveId, string target, bool checkOnly, CancellationToken cancellationToken)
    {
        RedisReply reply = await timers.SendAsync(TimerScript.CloseForMove, partition, cancellationToken, moveId, target, checkOnly ? 1 : 0).ConfigureAwait(false);
        return new CloseAnswer(TransferMark.Parse(reply[0].Text), reply.Texts[2..], TimerCodec.Span(reply[1].Number));
    }

    private async Task<IReadOnlyList<TransferEvent>> ReadEventsAsync(TimerPartition partition, string moveId, IReadOnlyList<string> arrived, CancellationToken cancellationToken)
    {
        RedisReply reply = await timers.SendAsync(TimerScript.NextEvents, partition, cancellationToken, [moveId, .. arrived.Select(static id => (RedisValue)id)]).ConfigureAwait(false);
        return [.. Enumerable.Range(0, reply.Length).Select(i => ReadMoved(reply[i]))];
    }

    private async Task<ImportOutcome[]> WriteEventsAsync(TimerPartition partition, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken)
    {
        RedisValue[] arguments = ImportArguments(partition, moveId, events);
        (RedisReply reply, LatchworkStoreException? shortfall) = await timers.WriteAsync(TimerScript.ImportEvents, partition, arguments, cancellationToken).ConfigureAwait(false);
        if (shortfall is not null) throw shortfall; // the source keeps what replicas do not have yet; the next run continues
        return TimerCodec.Outcomes(reply, static digit => (ImportOutcome)digit);
    }

    private static TransferEvent ReadMoved(RedisReply reply)
    {
        const int Now = 0, Kind = 1, When = 3, Rest = 4, Body = 6, Id = 9, Offset = 10, OfSchedule = 3;
        if (reply[Kind].Number == OfSchedule)
        {
            ScheduleRecord record = ScheduleCodec.Decode(reply[Id].Text[..^1], reply[Rest].Bytes);
            return MaintenanceRules.Pack(record with { Body = reply[Body].Bytes });
        }

        TimerSnapshot snapshot = RedisTimerStore.ReadSnapshot(reply[Id].Text, reply, Offset);
        return MaintenanceRules.Pack(snapshot, TimerCodec.Now(reply[Now], reply[Offset]), reply[When].Number);
    }

    private RedisValue[] ImportArguments(TimerPartition partition, string moveId, IReadOnlyList<TransferEvent> events)
    {
        byte[][] bodies = [.. events.Select(static e => TimerCodec.EncodeBody(e.MaxRetries, e.Headers, e.Payload.Span))];
        int largest = bodies.Max(static body => body.Length) - TimerCodec.BodyPrefix;
        RedisValue[]?[] records = [.. events.Select(static e => OccurrenceId.IsRecord(e.Id) ? ScheduleSnapshotTable.RecordArguments(MaintenanceRules.Unpack(e)) : null)];
        ArgumentList arguments = timers.Begin(
            timers.Partitions, events.Select((e, i) => 7 + (records[i]?.Length ?? e.Failures.Count)).Sum(), timers.ChannelOf(partition), moveId, largest);
        for (int i = 0; i < bodies.Length; i++)
        {
            TransferEvent moved = events[i];
            if (records[i] is { } record)
            {
                arguments.Add(moved.Id, 0, "", MaintenanceRules.Unpack(moved).Body, 0, "0", record.Length);
                arguments.Add(record);
                continue;
            }

            RedisValue ago = moved.DeadLetter is { } deadLetter ? TimerCodec.Microseconds(deadLetter.Ago) : "";
            RedisValue end = TimerCodec.EndOfPast(moved.DeadLetter?.Reason ?? 0, moved.Interruptions);
            RedisValue dueIn = TimerCodec.Microseconds(moved.DueIn);
            arguments.Add(moved.Id, moved.IsAbsolute ? $"a{dueIn}" : dueIn, ago, bodies[i], moved.Retries, end, moved.Failures.Count);
            foreach (AttemptFailure failure in moved.Failures) arguments.Add(Encode(failure));
        }

        return arguments.All;
    }

    /// <summary>A failure as events.lua writes it.</summary>
    private static byte[] Encode(AttemptFailure failure)
    {
        int node = Encoding.UTF8.GetByteCount(failure.NodeId), error = Encoding.UTF8.GetByteCount(failure.Error);
        return Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"{failure.Attempt} {failure.At.ToUnixTimeMilliseconds()} {node} {error} {failure.NodeId}{failure.Error}"));
    }
}
