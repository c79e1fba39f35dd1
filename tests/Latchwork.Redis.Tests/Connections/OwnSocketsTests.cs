using System.Net;
using System.Net.Sockets;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Microsoft.Extensions.Logging;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace Latchwork.Redis.Tests.Connections;

/// <summary>The store's own sockets and threads: what the application asked for holds, and nothing of the application's stops them.</summary>
public sealed class OwnSocketsTests
{
    private static readonly RedisScript _count = new("count", "return redis.call('INCR', KEYS[1])");

    [Fact]
    public async Task What_the_application_sets_on_sockets_is_set_on_the_stores()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        var keptAlive = new List<bool>();
        await using RedisConnection connection = await TestConnection.OpenAsync(server.LenientUri, configure: settings => settings.BeforeSocketConnect = (_, type, socket) =>
        {
            if (type == ConnectionType.Interactive) keptAlive.Add((int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)! != 0);
        });
        keptAlive.ShouldBe([true]);
    }

    [Fact]
    public async Task Renewals_do_not_wait_for_each_others_replies()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using var proxy = new FaultyProxy(server.Port);
        await using RedisConnection connection = await TestConnection.OpenAsync($"redis://127.0.0.1:{proxy.Port}?commandTimeout=2m&connectTimeout=2m");
        TimeSpan lease = TimeSpan.FromHours(1);
        await connection.RenewAsync(_count, ["count"], [], lease);
        await server.CommandAsync("SCRIPT", "FLUSH"); // it is sent again as text
        await connection.RenewAsync(_count, ["count"], [], lease);
        proxy.StallAfter(0);
        Task<RedisReply>[] renewals = [.. Enumerable.Range(0, 100).Select(_ => connection.RenewAsync(_count, ["count"], [], lease).AsTask())];
        await Eventually.ReadsAsync(() => server.CommandAsync("GET", "count"), static count => count == "102", "the server has all of them");
        renewals.ShouldAllBe(renewal => !renewal.IsCompleted);
        proxy.Resume();
        (await Task.WhenAll(renewals)).Select(reply => reply.Number).ShouldBe(Enumerable.Range(3, 100).Select(i => (long)i), "each has its own");
    }

    [Fact]
    public async Task A_log_that_throws_costs_the_connection_nothing()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        var log = new HarmfulLog(static (_, _) => throw new InvalidOperationException("mine"));
        await using RedisConnection connection = await TestConnection.OpenAsync(
            server.LenientUri, new RedisOptions { LoggerFactory = log }, settings => settings.LoggerFactory = log);
        int restored = 0;
        await using IAsyncDisposable subscription = await connection.SubscribeAsync("channel", _ => { }, () => Interlocked.Increment(ref restored), default);
        for (int round = 1; round <= 3; round++)
        {
            await server.CommandAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
            await server.CommandAsync("CLIENT", "KILL", "TYPE", "pubsub");
            await Eventually.HoldsAsync(() => Volatile.Read(ref restored) >= round, "the subscription is restored");
        }

        log.Calls.ShouldBeGreaterThan(0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_log_that_throws_or_blocks_costs_no_lease(bool throws)
    {
        const int RenewalFailed = 3002;
        await using RedisServer server = await RedisServer.StartAsync();
        await server.CommandAsync("ACL", "SETUSER", "half", "on", ">pw", "~*", "&*", "+@all");
        using var end = new ManualResetEventSlim();
        int failures = 0;
        var log = new HarmfulLog((id, _) =>
        {
            if (id != RenewalFailed) return;
            Interlocked.Increment(ref failures);
            if (throws) throw new InvalidOperationException("mine");
            end.Wait();
        });
        await using RedisStore store = await RedisStore.ConnectAsync($"redis://half:pw@127.0.0.1:{server.Port}");
        await using var locker = new ProcessLocker(store, new() { LeaseDuration = TimeSpan.FromSeconds(6), LoggerFactory = log });
        WorkLease[] held = [await locker.AcquireAsync("one"), await locker.AcquireAsync("two")];
        await server.CommandAsync("ACL", "SETUSER", "half", "-evalsha", "-eval");
        await Eventually.HoldsAsync(() => Volatile.Read(ref failures) > 0, "a renewal has failed");
        await server.CommandAsync("ACL", "SETUSER", "half", "+evalsha", "+eval");
        await Eventually.HoldsAsync(() => Array.TrueForAll(held, static lease => lease.LeaseLeft > TimeSpan.FromSeconds(5)), "both are renewed");
        end.Set();
        foreach (WorkLease lease in held) await lease.DisposeAsync();
    }

    [Fact]
    public async Task One_channel_that_cannot_be_restored_costs_the_others_nothing()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await server.CommandAsync("ACL", "SETUSER", "half", "on", ">pw", "~*", "resetchannels", "&kept", "&taken", "+@all");
        var log = new TestLog();
        await using RedisConnection connection = await TestConnection.OpenAsync(
            $"redis://half:pw@127.0.0.1:{server.Port}?commandTimeout=2m&connectTimeout=2m", new RedisOptions { LoggerFactory = log });
        int kept = 0, taken = 0;
        await using IAsyncDisposable first = await connection.SubscribeAsync("kept", _ => { }, () => Interlocked.Increment(ref kept), default);
        await using IAsyncDisposable second = await connection.SubscribeAsync("taken", _ => { }, () => Interlocked.Increment(ref taken), default);
        await server.CommandAsync("ACL", "SETUSER", "half", "resetchannels", "&kept"); // which ends the connection
        await Eventually.HoldsAsync(() => log.Entries.Count(entry => entry.Contains("could not be restored", StringComparison.Ordinal)) >= 7, "it is tried");
        Volatile.Read(ref kept).ShouldBeInRange(1, 3);
        taken.ShouldBe(0);
        await server.CommandAsync("ACL", "SETUSER", "half", "&taken");
        await Eventually.HoldsAsync(() => Volatile.Read(ref taken) > 0, "it is restored");
    }

    [Fact]
    public async Task What_waits_for_a_server_that_reads_nothing_is_bounded()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(listener.LocalEndpoint);
        using Socket peer = await listener.AcceptSocketAsync();
        await using var transport = new SocketTransport(socket, new NetworkStream(socket), isEncrypted: false, maxQueued: 1, heard: null);
        long before = GC.GetTotalAllocatedBytes(precise: true);
        int flushed = 0;
        while (flushed < 400_000 && Flush()) flushed++;
        flushed.ShouldBeInRange(50_000, 200_000, "the bound is 16 MiB, and what the sockets take");
        (GC.GetTotalAllocatedBytes(precise: true) - before).ShouldBeLessThan(100L << 20);

        bool Flush()
        {
            transport.GetSpan(200)[..200].Clear();
            transport.Advance(200);
            return transport.Flush();
        }
    }

    private sealed class HarmfulLog(Action<int, string> harm) : ILoggerFactory, ILogger
    {
        private int _calls;

        public int Calls => _calls;

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            Interlocked.Increment(ref _calls);
            harm(eventId.Id, formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}
