using System.Globalization;
using System.Text;
using Latchwork.Redis.Connections;
using Latchwork.Storage;
using Latchwork.Storage.Rules;

namespace Latchwork.Redis.Timers;

/// <content>Moving a namespace; see <see cref="IStoreTransfer"/>. There is one partition.</content>
internal sealed partial class RedisTimerStore
{
    public async Task<(TransferMarks Marks, bool Changed)> MarksAsync(
        string ns, (TransferMarks Expected, TransferMarks Next)? change, CancellationToken cancellationToken)
    {
        if (change is not null) await RegisterAsync(ns, cancellationToken).ConfigureAwait(false);
        RedisReply reply = await SendAsync(TimerScript.Marks, Whole(ns), MarksArguments(change), cancellationToken).ConfigureAwait(false);
        return (new TransferMarks(TransferMark.Parse(reply.Items[0].Text), TransferMark.Parse(reply.Items[1].Text)), reply.Items[2].Number == 1);
    }

    public async Task<SealAnswer> SealAsync(string ns, string moveId, string target, bool checkOnly, CancellationToken cancellationToken)
    {
        RedisReply reply = await SendAsync(TimerScript.Seal, Whole(ns), SealArguments(moveId, target, checkOnly), cancellationToken).ConfigureAwait(false);
        var listeners = new List<string>();
        for (int i = 2; i < reply.Items.Length; i++) listeners.Add(reply.Items[i].Text);
        return new SealAnswer(TransferMark.Parse(reply.Items[0].Text), listeners, TimerCodec.Span(reply.Items[1].Number));
    }

    public async Task DropJournalAsync(string ns, CancellationToken cancellationToken) =>
        await SendAsync(TimerScript.DropJournal, Whole(ns), Arguments(0), cancellationToken).ConfigureAwait(false);

    public async Task<IReadOnlyList<TransferEvent>> NextAsync(string ns, string moveId, IReadOnlyList<string> arrived, CancellationToken cancellationToken)
    {
        CheckBatch(arrived.Count);
        RedisReply reply = await SendAsync(TimerScript.Next, Whole(ns), NextArguments(moveId, arrived), cancellationToken).ConfigureAwait(false);
        var events = new TransferEvent[reply.Items.Length];
        for (int i = 0; i < events.Length; i++) events[i] = ReadMoved(reply.Items[i].Items);
        return events;
    }

    public async Task<IReadOnlyList<ImportOutcome>> ImportAsync(string ns, string moveId, IReadOnlyList<TransferEvent> events, CancellationToken cancellationToken)
    {
        if (events.Count == 0) return [];
        CheckBatch(events.Count);
        RedisReply reply = await SendAsync(
            TimerScript.Import, Whole(ns), ImportArguments(ns, moveId, events), cancellationToken, Replicated).ConfigureAwait(false);
        LatchworkStoreException? shortfall = null;
        if (Replicated is not null) reply = Replicated.Read(reply, out shortfall);
        if (shortfall is not null) throw shortfall; // the source keeps what replicas do not have yet; the next run goes on
        return TimerCodec.Outcomes(reply, static digit => (ImportOutcome)digit);
    }

    private static TimerPartition Whole(string ns) => new(ns, 0);

    private static TransferEvent ReadMoved(ReadOnlySpan<RedisReply> item)
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

    private ScriptArguments ImportArguments(string ns, string moveId, IReadOnlyList<TransferEvent> events)
    {
        byte[][] bodies = [.. events.Select(static e => TimerCodec.EncodeBody(e.MaxRetries, e.Headers, e.Payload.Span))];
        ScriptArguments arguments = Arguments(3 + events.Sum(static e => 7 + e.Failures.Count));
        arguments.Add(_keys.Of(Whole(ns)).Bell);
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
