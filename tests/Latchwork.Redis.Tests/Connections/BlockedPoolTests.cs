using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>Runs alone, because it takes all threads of the pool away.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class BlockedPoolAlone
{
    public const string Name = "blocked thread pool";
}

[Collection(BlockedPoolAlone.Name)]
public sealed class BlockedPoolTests
{
    private static readonly RedisScript _count = new("count", "return redis.call('INCR', 'count')");

    [Fact]
    public async Task Commands_messages_and_reconnects_need_no_free_thread_of_the_pool()
    {
        int count = 0;
        using var server = new FakeServer(talk =>
        {
            talk.Greet();
            talk.Read();
            talk.Say(">3\r\n+subscribe\r\n+channel\r\n:1\r\n");
            do
            {
                talk.Read();
                talk.Say($":{++count}\r\n");
            }
            while (count != 100); // Then the connection breaks; the next one goes on from there.
        });
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse(server.PatientUri), default);
        using var restored = new ManualResetEventSlim();
        await using IAsyncDisposable subscription = await connection.SubscribeAsync("channel", _ => { }, restored.Set, default);

        await WithBlockedPoolAsync(() =>
        {
            CountTo(connection, 100).Wait(TimeSpan.FromSeconds(60)).ShouldBeTrue("a chain of commands completes on the connection's thread");
            restored.Wait(TimeSpan.FromSeconds(60)).ShouldBeTrue("the subscription is restored");
            CountTo(connection, 200).Wait(TimeSpan.FromSeconds(60)).ShouldBeTrue("commands go on");
        });
    }

    [Fact]
    public async Task Neither_does_TLS()
    {
        using var certificates = new TestCertificates();
        await using TlsServer server = await TlsServer.StartAsync(certificates);
        await using var proxy = new FaultyProxy(server.Port);
        string uri = $"rediss://127.0.0.1:{proxy.Port}?ca={certificates.AuthorityFile}&commandTimeout=2m&connectTimeout=2m";
        await using RedisConnection connection = await RedisConnection.ConnectAsync(RedisOptions.Parse(uri), default);
        using var restored = new ManualResetEventSlim();
        await using IAsyncDisposable subscription = await connection.SubscribeAsync("channel", _ => { }, restored.Set, default);
        await WithBlockedPoolAsync(() =>
        {
            CountTo(connection, 100).Wait(TimeSpan.FromSeconds(60)).ShouldBeTrue("a chain of commands completes on the connection's thread");
            proxy.Drop();
            restored.Wait(TimeSpan.FromSeconds(60)).ShouldBeTrue("the subscription is restored");
            CountTo(connection, 200).Wait(TimeSpan.FromSeconds(60)).ShouldBeTrue("commands go on");
        });
    }

    // On a thread of its own, because the test's own continuations need the pool.
    private static async Task WithBlockedPoolAsync(Action test)
    {
        var result = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            var blockade = new ManualResetEventSlim(); // Not disposed: the last work items look at it after the test.
            try
            {
                BlockPool(blockade);
                test();
                result.SetResult(null);
            }
            catch (Exception e)
            {
                result.SetResult(e);
            }
            finally
            {
                blockade.Set();
            }
        });
        thread.Start();
        (await result.Task).ShouldBeNull();
    }

    // More work items than the pool adds threads for in the time of the test (one or two a second).
    private static void BlockPool(ManualResetEventSlim blockade)
    {
        using var started = new CountdownEvent(Environment.ProcessorCount);
        for (int i = 0; i < Environment.ProcessorCount + 200; i++)
        {
            int number = i;
            ThreadPool.UnsafeQueueUserWorkItem(
                _ =>
                {
                    if (number < Environment.ProcessorCount) started.Signal();
                    blockade.Wait();
                },
                null);
        }

        started.Wait(TimeSpan.FromSeconds(60)).ShouldBeTrue("the pool is blocked");
    }

    private static async Task CountTo(RedisConnection connection, int goal)
    {
        while ((await connection.EvaluateAsync(_count, [], [], default).ConfigureAwait(false)).Number < goal)
        {
            // Each step is started by the reply to the one before.
        }
    }
}
