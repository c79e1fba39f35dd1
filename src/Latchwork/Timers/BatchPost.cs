using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>
/// Posts many events in pieces within the bounds of a store, several at a time. Pieces that are under way together may overtake each
/// other (a script that the server has forgotten is sent again), so a piece waits for earlier ones with which it shares an id: of equal
/// ids the last one stands, as if they had been posted one by one.
/// </summary>
internal sealed class BatchPost(ITimerStore store, PartitionClient[] clients, TimerEntry[] entries, CancellationToken closed)
{
    private const int MaxUnderWay = 4;

    private readonly PostResult?[] _results = new PostResult?[entries.Length];
    private readonly StoreOutcome?[] _outcomes = [.. Enumerable.Repeat<StoreOutcome?>(StoreOutcome.NotApplied, entries.Length)];
    private readonly List<Task> _underWay = [];
    private readonly Dictionary<string, int> _lastPieceOf = new(StringComparer.Ordinal);
    private volatile Exception? _failure;

    /// <summary>What is known of each event.</summary>
    public IReadOnlyList<PostResult?> Results => _results;

    /// <summary>Posts all of it.</summary>
    /// <exception cref="TimerBatchException">A piece failed, or some were sent and the rest was cancelled.</exception>
    public async Task<IReadOnlyList<PostResult>> RunAsync(CancellationToken cancellationToken)
    {
        using var capacity = new SemaphoreSlim(MaxUnderWay);
        bool isCut = false;
        foreach (Piece piece in Split())
        {
            if (piece.WaitsFor >= 0) await Task.WhenAll(_underWay[..(piece.WaitsFor + 1)]).ConfigureAwait(false);
            await capacity.WaitAsync(CancellationToken.None).ConfigureAwait(false);
            isCut = cancellationToken.IsCancellationRequested;
            if (_failure is not null || isCut) break;
            _underWay.Add(SendAsync(piece, capacity));
        }

        await Task.WhenAll(_underWay).OffStoreThread().ConfigureAwait(false);
        if (isCut && _underWay.Count == 0) cancellationToken.ThrowIfCancellationRequested();
        Exception? failure = _failure ?? (isCut ? new OperationCanceledException("The rest was not sent: the batch was cancelled.", cancellationToken) : null);
        if (failure is not null)
        {
            int known = _results.Count(result => result is not null);
            int unknown = _outcomes.Count(outcome => outcome == StoreOutcome.Unknown);
            int undoable = _outcomes.Count(outcome => outcome == StoreOutcome.NotReplicated);
            string doubt = unknown > 0 ? $"Whether {unknown} were is not known."
                : undoable > 0 ? $"{undoable} were posted as well, but a failover could undo it." : "The others were not.";
            throw new TimerBatchException($"{known} of {entries.Length} events are known to be posted. {doubt} {failure.Message}", _results, failure) { Outcomes = _outcomes };
        }

        return Array.ConvertAll(_results, result => result!.Value);
    }

    private IEnumerable<Piece> Split()
    {
        int index = 0;
        foreach ((PartitionClient client, IEnumerable<int> members) in ByPartition())
        {
            List<int> piece = [];
            long bytes = 0;
            int waitsFor = -1;
            foreach (int i in members)
            {
                TimerEntry entry = entries[i];
                if (piece.Count == Limits.MaxBatch || (piece.Count > 0 && bytes + entry.Payload.Length > Limits.MaxBatchBytes))
                {
                    yield return new Piece(client, piece, waitsFor);
                    index++;
                    (piece, bytes, waitsFor) = ([], 0, -1);
                }

                piece.Add(i);
                bytes += entry.Payload.Length;
                if (entry.IdIsNew) continue;
                if (_lastPieceOf.TryGetValue(entry.Id, out int earlier) && earlier < index) waitsFor = Math.Max(waitsFor, earlier);
                _lastPieceOf[entry.Id] = index;
            }

            if (piece.Count == 0) continue;
            yield return new Piece(client, piece, waitsFor);
            index++;
        }
    }

    // In one pass: each id is hashed once, however many partitions there are.
    private IEnumerable<(PartitionClient Client, IEnumerable<int> Members)> ByPartition()
    {
        if (clients.Length == 1) return [(clients[0], Enumerable.Range(0, entries.Length))];
        var members = new List<int>?[clients.Length];
        for (int i = 0; i < entries.Length; i++) (members[PartitionClients.Of(clients, entries[i].Id).Partition.Index] ??= []).Add(i);
        return clients.Where(client => members[client.Partition.Index] is not null).Select(client => (client, (IEnumerable<int>)members[client.Partition.Index]!));
    }

    // Never throws.
    private async Task SendAsync(Piece piece, SemaphoreSlim capacity)
    {
        try
        {
            TimerEntry[] batch = [.. piece.Indexes.Select(i => entries[i])];
            IReadOnlyList<PostOutcome> outcomes = await store.PostAsync(piece.Client.Partition, batch, closed).ConfigureAwait(false);
            PostResult[] results = PartitionClient.ToResults(batch, outcomes);
            for (int i = 0; i < results.Length; i++) (_results[piece.Indexes[i]], _outcomes[piece.Indexes[i]]) = (results[i], null);
        }
#pragma warning disable CA1031 // It is thrown to the caller, with what is known of the other pieces.
        catch (Exception e)
#pragma warning restore CA1031
        {
            foreach (int i in piece.Indexes) _outcomes[i] = e is LatchworkStoreException failed ? failed.Outcome : StoreOutcome.Unknown;
            _failure ??= e;
        }
        finally
        {
            capacity.Release();
        }
    }

    /// <param name="Client">The partition.</param>
    /// <param name="Indexes">The events.</param>
    /// <param name="WaitsFor">The last of the earlier pieces with which it shares an id, or -1.</param>
    private sealed record Piece(PartitionClient Client, List<int> Indexes, int WaitsFor);
}
