using System.Runtime.CompilerServices;
using System.Text;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork;

/// <summary>Streams pages of one partition, or of several merged into one order.</summary>
internal static class TimerListing
{
    /// <summary>About how many events a listing of several partitions holds at a time, and the least of one partition.</summary>
    private const int MaxHeld = 3200, MinPage = 20;

    /// <summary>The order of scheduled events.</summary>
    public static int ByDue(TimerSnapshot a, TimerSnapshot b) => Then(a.Due.CompareTo(b.Due), a, b);

    /// <summary>The order of dead letters.</summary>
    public static int ByDeadLetterTime(TimerSnapshot a, TimerSnapshot b) => Then(Nullable.Compare(a.DeadLetteredAt, b.DeadLetteredAt), a, b);

    /// <summary>The order of completed events: the last first.</summary>
    public static int ByCompletion(TimerSnapshot a, TimerSnapshot b) => -Then(Nullable.Compare(a.CompletedAt, b.CompletedAt), a, b);

    /// <summary>How much a page of each partition holds, so that all of them together hold about as much as a few pages of one.</summary>
    /// <param name="partitions">How many there are.</param>
    /// <param name="limit">The most that is listed.</param>
    public static int PageSize(int partitions, long limit) => (int)Math.Min(limit, Math.Clamp(MaxHeld / Math.Max(1, partitions), MinPage, Limits.MaxBatch));

    /// <summary>Reads page after page.</summary>
    /// <param name="read">Reads the page after a cursor.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    public static async IAsyncEnumerable<TimerSnapshot> PagesAsync(
        Func<string?, CancellationToken, Task<TimerPage>> read, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? cursor = null;
        do
        {
            TimerPage page = await read(cursor, cancellationToken).OffStoreThread().ConfigureAwait(false);
            foreach (TimerSnapshot item in page.Items) yield return item;
            cursor = page.Cursor;
        }
        while (cursor is not null);
    }

    /// <summary>Merges ordered listings into one, holding one page of each; the first pages are read some at a time.</summary>
    public static async IAsyncEnumerable<TimerSnapshot> MergeAsync(
        IReadOnlyList<IAsyncEnumerable<TimerSnapshot>> sources,
        Comparison<TimerSnapshot> order,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        List<IAsyncEnumerator<TimerSnapshot>> open = [];
        try
        {
            var heads = new PriorityQueue<IAsyncEnumerator<TimerSnapshot>, TimerSnapshot>(Comparer<TimerSnapshot>.Create(order));
            foreach (IAsyncEnumerable<TimerSnapshot>[] some in sources.Chunk(PartitionClients.MaxAtATime))
            {
                IAsyncEnumerator<TimerSnapshot>[] begun = Array.ConvertAll(some, source => source.GetAsyncEnumerator(cancellationToken));
                open.AddRange(begun);
                Task<bool>[] firsts = Array.ConvertAll(begun, enumerator => enumerator.MoveNextAsync().AsTask());

                // Each is ended before any is disposed.
                await ((Task)Task.WhenAll(firsts)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                for (int i = 0; i < begun.Length; i++)
                {
                    if (await firsts[i].ConfigureAwait(false)) heads.Enqueue(begun[i], begun[i].Current);
                }
            }

            while (heads.TryDequeue(out IAsyncEnumerator<TimerSnapshot>? next, out TimerSnapshot? item))
            {
                yield return item;
                if (await next.MoveNextAsync().ConfigureAwait(false)) heads.Enqueue(next, next.Current);
            }
        }
        finally
        {
            foreach (IAsyncEnumerator<TimerSnapshot> enumerator in open) await enumerator.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static int Then(int first, TimerSnapshot a, TimerSnapshot b) => first != 0 ? first : CompareBytes(a.Id, b.Id);

    // By UTF-8, as stores do it: the order of UTF-16 differs beyond the basic plane.
    private static int CompareBytes(string a, string b)
    {
        Span<byte> left = stackalloc byte[Limits.MaxIdBytes];
        Span<byte> right = stackalloc byte[Limits.MaxIdBytes];
        return left[..Encoding.UTF8.GetBytes(a, left)].SequenceCompareTo(right[..Encoding.UTF8.GetBytes(b, right)]);
    }
}
