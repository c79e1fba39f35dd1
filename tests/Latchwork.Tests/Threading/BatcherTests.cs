using System.Collections.Concurrent;
using Latchwork.Testing;
using Latchwork.Threading;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Threading;

public sealed class BatcherTests
{
    private readonly ConcurrentQueue<(int[] Items, TaskCompletionSource<IReadOnlyList<int>> Reply)> _sent = new();

    [Fact]
    public async Task The_first_item_goes_alone_and_what_gathers_meanwhile_goes_together_in_order()
    {
        Batcher<int, int> batcher = New(maxUnderWay: 1);
        Task<int>[] tasks = [.. Enumerable.Range(0, 5).Select(i => batcher.AddAsync(i))];
        Sent(0).ShouldBe([0]);
        _sent.Count.ShouldBe(1);
        Answer(0);
        Sent(1).ShouldBe([1, 2, 3, 4]);
        Answer(1);
        (await Task.WhenAll(tasks)).ShouldBe([0, 10, 20, 30, 40]);
    }

    [Fact]
    public async Task After_a_shared_batch_the_next_waits_on_the_pool_for_company_and_after_a_lone_one_it_is_sent_by_its_caller()
    {
        int sender = 0;
        var sent = new ConcurrentQueue<int>();
        var first = new TaskCompletionSource<IReadOnlyList<int>>();
        var batcher = new Batcher<int, int>(
            items =>
            {
                sent.Enqueue(items.Count);
                sender = Environment.CurrentManagedThreadId;
                return sent.Count == 1 ? first.Task : Task.FromResult(items);
            },
            maxUnderWay: 1);
        Task<int>[] tasks = [.. Enumerable.Range(0, 3).Select(i => batcher.AddAsync(i))];
        first.SetResult([0]);
        await Task.WhenAll(tasks);
        sent.ShouldBe([1, 2]);

        // This thread is outside the pool, so whoever sends on the pool is another.
        (bool SharedByCaller, bool LoneByCaller) sentBy = await Task.Factory.StartNew(
            () =>
            {
                batcher.AddAsync(7).Wait();
                bool shared = sender == Environment.CurrentManagedThreadId;
                batcher.AddAsync(8).Wait();
                return (shared, sender == Environment.CurrentManagedThreadId);
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        sentBy.ShouldBe((false, true));
    }

    [Fact]
    public async Task Batches_are_bounded_by_number_and_by_bytes_and_one_item_always_fits()
    {
        Batcher<int, int> batcher = New(maxUnderWay: 1, size: item => item);
        Task<int> first = batcher.AddAsync(0);
        List<Task<int>> rest = [.. Enumerable.Range(0, 250).Select(_ => batcher.AddAsync(1))];
        int half = Limits.MaxBatchBytes / 2;
        rest.AddRange([batcher.AddAsync(half), batcher.AddAsync(half + 1), batcher.AddAsync(Limits.MaxBatchBytes * 2), batcher.AddAsync(1)]);
        for (int i = 0; i < 6; i++) Answer(i);
        _sent.Select(batch => batch.Items.Length).ShouldBe([1, 200, 51, 1, 1, 1]);
        await Task.WhenAll(rest.Append(first));
    }

    [Fact]
    public void No_more_batches_are_under_way_than_allowed()
    {
        Batcher<int, int> batcher = New(maxUnderWay: 2);
        for (int i = 0; i < 10; i++) _ = batcher.AddAsync(i);
        _sent.Count.ShouldBe(2);
        Answer(1);
        _sent.Count.ShouldBe(3);
        Sent(2).ShouldBe([2, 3, 4, 5, 6, 7, 8, 9]);
    }

    [Fact]
    public async Task Of_the_items_of_one_key_one_is_under_way_at_a_time_in_their_order()
    {
        Batcher<int, int> batcher = New(maxUnderWay: 3, key: item => $"{item % 10}");
        Task<int>[] tasks = [.. ((int[])[1, 11, 2, 21, 12]).Select(item => batcher.AddAsync(item))];
        _sent.Select(batch => batch.Items).ShouldBe([[1], [2]], "what waits for its key holds nobody up");
        Answer(1);
        Sent(2).ShouldBe([12]);
        Answer(0);
        Sent(3).ShouldBe([11]);
        Answer(3);
        Sent(4).ShouldBe([21]);
        Answer(2);
        Answer(4);
        (await Task.WhenAll(tasks)).ShouldBe([10, 110, 20, 210, 120]);
    }

    [Fact]
    public async Task What_has_waited_for_its_key_goes_before_what_was_added_later()
    {
        Batcher<int, int> batcher = New(maxUnderWay: 2, key: item => $"{item % 10}");
        Task<int>[] tasks = [batcher.AddAsync(1), batcher.AddAsync(11), batcher.AddAsync(2), batcher.AddAsync(21)];
        Answer(0);
        Sent(2).ShouldBe([11], "21 came later, although it stood where nobody had looked at it yet");
        Answer(2);
        Sent(3).ShouldBe([21]);
        Answer(1);
        Answer(3);
        (await Task.WhenAll(tasks)).ShouldBe([10, 110, 20, 210]);
    }

    [Fact]
    public async Task What_waits_for_its_key_is_sent_although_the_one_before_it_is_cancelled_and_fails_when_the_batcher_is_closed()
    {
        Batcher<int, int> batcher = New(maxUnderWay: 1, key: static _ => "same");
        using var cancel = new CancellationTokenSource();
        Task<int> first = batcher.AddAsync(0);
        Task<int> second = batcher.AddAsync(1, cancel.Token), third = batcher.AddAsync(2), fourth = batcher.AddAsync(3);
        await cancel.CancelAsync();
        Answer(0);
        Sent(1).ShouldBe([2]);
        batcher.Close(new ObjectDisposedException("it"));
        Answer(1);
        (await first, await third).ShouldBe((0, 20));
        await Should.ThrowAsync<OperationCanceledException>(() => second);
        await Should.ThrowAsync<ObjectDisposedException>(() => fourth);
    }

    [Fact]
    public async Task An_item_that_is_cancelled_while_it_waits_is_not_sent()
    {
        Batcher<int, int> batcher = New(maxUnderWay: 1);
        using var cancel = new CancellationTokenSource();
        Task<int> first = batcher.AddAsync(0);
        Task<int> cancelled = batcher.AddAsync(1, cancel.Token);
        Task<int> last = batcher.AddAsync(2);
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => cancelled);
        Answer(0);
        Sent(1).ShouldBe([2]);
        Answer(1);
        (await first, await last).ShouldBe((0, 20));
        await Should.ThrowAsync<OperationCanceledException>(() => batcher.AddAsync(3, cancel.Token));
        _sent.Count.ShouldBe(2);
    }

    [Fact]
    public async Task If_all_that_waits_is_cancelled_the_next_item_still_goes()
    {
        Batcher<int, int> batcher = New(maxUnderWay: 1);
        using var cancel = new CancellationTokenSource();
        _ = batcher.AddAsync(0);
        Task[] cancelled = [.. Enumerable.Range(1, 300).Select(i => batcher.AddAsync(i, cancel.Token))];
        await cancel.CancelAsync();
        Answer(0);
        _sent.Count.ShouldBe(1);
        Task<int> next = batcher.AddAsync(7);
        Sent(1).ShouldBe([7]);
        Answer(1);
        (await next).ShouldBe(70);
        cancelled.ShouldAllBe(task => task.IsCanceled);
    }

    [Fact]
    public async Task A_failure_belongs_to_its_batch_alone()
    {
        int calls = 0;
        var batcher = new Batcher<int, int>(items => ++calls switch
        {
            1 => throw new TimeoutException("at once"),
            2 => Task.FromException<IReadOnlyList<int>>(new TimeoutException("as a task")),
            3 => Task.FromResult<IReadOnlyList<int>>([]),
            4 => Task.FromCanceled<IReadOnlyList<int>>(new CancellationToken(true)),
            _ => Task.FromResult<IReadOnlyList<int>>([.. items]),
        });
        (await Should.ThrowAsync<TimeoutException>(() => batcher.AddAsync(1))).Message.ShouldBe("at once");
        (await Should.ThrowAsync<TimeoutException>(() => batcher.AddAsync(1))).Message.ShouldBe("as a task");
        (await Should.ThrowAsync<LatchworkStoreException>(() => batcher.AddAsync(1))).Outcome.ShouldBe(StoreOutcome.Unknown);
        (await Should.ThrowAsync<LatchworkStoreException>(() => batcher.AddAsync(1))).Outcome.ShouldBe(StoreOutcome.Unknown);
        (await batcher.AddAsync(5)).ShouldBe(5);
    }

    [Fact]
    public async Task In_an_outage_what_has_waited_as_long_as_those_who_failed_fails_with_them_and_is_known_not_to_have_been_sent()
    {
        var clock = new ManualTimeProvider();
        Batcher<int, int> batcher = New(maxUnderWay: 1, time: clock);
        Task<int> first = batcher.AddAsync(0);
        Task<int>[] waiting = [batcher.AddAsync(1), batcher.AddAsync(2)];
        clock.Advance(TimeSpan.FromSeconds(1.1));
        Task<int> late = batcher.AddAsync(3);
        _sent.First().Reply.SetException(new LatchworkStoreException("no answer", StoreOutcome.Unknown));
        (await Should.ThrowAsync<LatchworkStoreException>(() => first)).Outcome.ShouldBe(StoreOutcome.Unknown);
        foreach (Task<int> task in waiting)
        {
            LatchworkStoreException failure = await Should.ThrowAsync<LatchworkStoreException>(() => task);
            (failure.Outcome, failure.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));
        }

        Sent(1).ShouldBe([3]);
        Answer(1);
        (await late).ShouldBe(30);
    }

    [Fact]
    public async Task A_full_queue_refuses_and_a_closed_one_fails_what_waits()
    {
        Batcher<int, int> batcher = New(maxUnderWay: 1, capacity: 2);
        Task<int> first = batcher.AddAsync(0);
        Task<int>[] waiting = [batcher.AddAsync(1), batcher.AddAsync(2)];
        (await Should.ThrowAsync<LatchworkStoreException>(() => batcher.AddAsync(3))).Outcome.ShouldBe(StoreOutcome.NotApplied);
        batcher.Close(new ObjectDisposedException("it"));
        foreach (Task<int> task in waiting) await Should.ThrowAsync<ObjectDisposedException>(() => task);
        await Should.ThrowAsync<ObjectDisposedException>(() => batcher.AddAsync(4));
        Answer(0);
        (await first).ShouldBe(0);
    }

    [Fact]
    public async Task Many_callers_each_get_their_own_answer_whether_the_store_answers_now_or_later()
    {
        foreach (bool later in (bool[])[false, true])
        {
            int underWay = 0;
            var batcher = new Batcher<int, int>(
                async items =>
                {
                    Interlocked.Increment(ref underWay).ShouldBeLessThanOrEqualTo(3);
                    if (later) await Task.Yield();
                    Interlocked.Decrement(ref underWay);
                    return [.. items.Select(item => item * 10)];
                },
                maxUnderWay: 3);
            await Task.WhenAll(Enumerable.Range(0, 16).Select(caller => Task.Run(async () =>
            {
                for (int i = 0; i < 500; i++) (await batcher.AddAsync((caller * 1000) + i)).ShouldBe(((caller * 1000) + i) * 10);
            })));
        }
    }

    [Fact]
    public async Task Answers_given_together_are_given_on_the_thread_that_brought_them_which_knows_that_others_wait()
    {
        Batcher<int, int> batcher = New(maxUnderWay: 1, answersTogether: true);
        Task<(int Thread, bool IsShared, int Answer)>[] all = [.. Enumerable.Range(0, 4).Select(i => AskAsync(batcher, i))];
        int thread = await Task.Run(() =>
        {
            Answer(0);
            Answer(1);
            CallerThread.IsShared.ShouldBeFalse("it is over");
            return Environment.CurrentManagedThreadId;
        });
        (await Task.WhenAll(all)).ShouldBe([.. Enumerable.Range(0, 4).Select(i => (thread, true, i * 10))]);
    }

    [Fact]
    public async Task What_is_to_be_answered_together_fails_and_is_cancelled_on_threads_of_its_own()
    {
        Batcher<int, int> batcher = New(maxUnderWay: 1, answersTogether: true);
        using var cancel = new CancellationTokenSource();
        Task<(int Thread, bool IsShared, int Answer)> failed = AskAsync(batcher, 0), cancelled = AskAsync(batcher, 1, cancel.Token), last = AskAsync(batcher, 2);
        int canceller = await OutsidePoolAsync(cancel.Cancel), failer = await OutsidePoolAsync(() => _sent.ElementAt(0).Reply.SetException(new IOException("no")));
        (int thread, bool isShared, int answer) = await cancelled;
        (thread, isShared, answer).ShouldBe((thread == canceller ? -1 : thread, false, -1), "the canceller's thread is not ours");
        (thread, isShared, answer) = await failed;
        (thread, isShared, answer).ShouldBe((thread == failer ? -1 : thread, false, -2));
        Sent(1).ShouldBe([2]);
        Answer(1);
        (await last).Answer.ShouldBe(20);

        static Task<int> OutsidePoolAsync(Action action) => Task.Factory.StartNew(
            () =>
            {
                action();
                return Environment.CurrentManagedThreadId;
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
    }

    private static async Task<(int Thread, bool IsShared, int Answer)> AskAsync(Batcher<int, int> batcher, int item, CancellationToken cancellationToken = default)
    {
        int answer;
        try
        {
            answer = await batcher.AddAsync(item, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            answer = -1;
        }
        catch (IOException)
        {
            answer = -2;
        }

        return (Environment.CurrentManagedThreadId, CallerThread.IsShared, answer);
    }

    private Batcher<int, int> New(int maxUnderWay, Func<int, int>? size = null, int capacity = 1000, Func<int, string>? key = null, TimeProvider? time = null, bool answersTogether = false) => new(
        items =>
        {
            var reply = new TaskCompletionSource<IReadOnlyList<int>>();
            _sent.Enqueue(([.. items], reply));
            return reply.Task;
        },
        size,
        key,
        maxUnderWay,
        capacity: capacity,
        answersTogether: answersTogether,
        time: time);

    private int[] Sent(int batch) => _sent.ElementAt(batch).Items;

    private void Answer(int batch) => _sent.ElementAt(batch).Reply.SetResult([.. Sent(batch).Select(item => item * 10)]);
}
