using System.Net;
using System.Net.Sockets;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Postgres.Tests.Connections;

/// <summary>A connection on which nothing comes any more, and nothing says so: its server froze, or what is between has forgotten it.</summary>
public sealed class SilentConnectionTests
{
    [Theory]
    [InlineData("LISTEN latchwork")]
    [InlineData("pg_try_advisory_lock")]
    public async Task A_node_joins_although_the_connection_for_notifications_fell_silent_while_it_was_made(string at)
    {
        PostgresServer server = await PostgresServer.SharedAsync();
        await using var way = new SilentWay(server.Port, at);
        var options = new PostgresOptions { Schema = $"silent_{Guid.NewGuid():N}", CommandTimeout = TimeSpan.FromSeconds(2) };
        await using PostgresStore store = await PostgresStore.OpenAsync($"Host=127.0.0.1;Port={way.Port};Username=postgres;Database=postgres", options);
        await using var timer = new DistributedTimer(store, new() { Namespace = "ns", ShutdownTimeout = TimeSpan.FromSeconds(1) });
        var got = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        await Eventually.ReadsAsync(() => JoinsAsync(timer, got), static joined => joined, "it joins");

        way.IsSilent.ShouldBeTrue();
        await timer.PostAsync("{}"u8.ToArray(), TimeSpan.Zero);
        await got.Task.WaitAsync(TimeSpan.FromMinutes(1));
    }

    private static async Task<bool> JoinsAsync(DistributedTimer timer, TaskCompletionSource got)
    {
        try
        {
            await timer.JoinAsync((_, _) =>
            {
                got.TrySetResult();
                return Task.CompletedTask;
            });
            return true;
        }
        catch (LatchworkStoreException e) when (e.IsTransient)
        {
            return false; // notifications cannot be subscribed to yet
        }
    }

    /// <summary>A way to a server. The first connection on which something is asked is held from then on: nothing passes any more in either direction.</summary>
    private sealed class SilentWay : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _over = new();
        private readonly byte[] _asked;
        private readonly int _server;
        private readonly Task _accepting;
        private int _silent;

        public SilentWay(int server, string asked)
        {
            (_server, _asked) = (server, System.Text.Encoding.ASCII.GetBytes(asked));
            _listener.Start();
            _accepting = AcceptAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public bool IsSilent => Volatile.Read(ref _silent) == 1;

        public async ValueTask DisposeAsync()
        {
            await _over.CancelAsync();
            _listener.Stop();
            await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _over.Dispose();
        }

        private async Task AcceptAsync()
        {
            var connections = new List<Task>();
            try
            {
                while (!_over.IsCancellationRequested) connections.Add(PassAsync(await _listener.AcceptTcpClientAsync(_over.Token)));
            }
            finally
            {
                await Task.WhenAll(connections).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        private async Task PassAsync(TcpClient client)
        {
            using TcpClient near = client, far = new();
            await far.ConnectAsync(IPAddress.Loopback, _server, _over.Token);
            using var held = CancellationTokenSource.CreateLinkedTokenSource(_over.Token);
            Task there = PumpAsync(near.GetStream(), far.GetStream(), held, mayHold: true), back = PumpAsync(far.GetStream(), near.GetStream(), held, mayHold: false);
            await Task.WhenAny(there, back);
            if (held.IsCancellationRequested) await Task.Delay(Timeout.Infinite, _over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        private async Task PumpAsync(NetworkStream from, NetworkStream to, CancellationTokenSource held, bool mayHold)
        {
            byte[] buffer = new byte[65_536];
            while (await from.ReadAsync(buffer, held.Token) is > 0 and int read)
            {
                if (mayHold && buffer.AsSpan(0, read).IndexOf(_asked) >= 0 && Interlocked.Exchange(ref _silent, 1) == 0)
                {
                    await held.CancelAsync();
                    return;
                }

                await to.WriteAsync(buffer.AsMemory(0, read), held.Token);
            }
        }
    }
}
