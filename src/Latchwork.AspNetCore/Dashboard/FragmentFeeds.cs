using System.Collections.Concurrent;
using System.Threading.Channels;

namespace Latchwork.Dashboard;

/// <summary>
/// The streams of a dashboard. What several browsers look at is read and rendered once a second for all of them, and only while somebody looks.
/// A browser that is slow gets the newest, not all.
/// </summary>
internal sealed class FragmentFeeds(DashboardRuntime runtime, int maxStreams) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Feed> _feeds = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _closing = new();
    private int _open;

    /// <summary>How many streams are open.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Ends when the host stops.</summary>
    public CancellationToken Closed => _closing.Token;

    /// <summary>Opens a stream.</summary>
    /// <param name="key">What is looked at: those with the same key share it.</param>
    /// <param name="render">Reads and renders it.</param>
    /// <returns>The stream, to be disposed; null if there are too many.</returns>
    public Subscription? TryOpen(string key, Func<CancellationToken, Task<string>> render)
    {
        lock (_gate)
        {
            if (_open >= maxStreams || _closing.IsCancellationRequested) return null;
            _open++;
            if (!_feeds.TryGetValue(key, out Feed? feed))
            {
                _feeds.Add(key, feed = new Feed(runtime, render, _closing.Token));
                feed.Start();
            }

            return new Subscription(this, key, feed);
        }
    }

    public void Dispose() => _closing.Cancel();

    private void Leave(string key, Feed feed, Channel<string> channel)
    {
        lock (_gate)
        {
            _open--;
            if (!feed.Remove(channel)) return;
            _feeds.Remove(key);
        }
    }

    internal sealed class Subscription : IDisposable
    {
        private readonly FragmentFeeds _feeds;
        private readonly string _key;
        private readonly Feed _feed;
        private readonly Channel<string> _channel = Channel.CreateBounded<string>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });
        private int _disposed;

        public Subscription(FragmentFeeds feeds, string key, Feed feed)
        {
            (_feeds, _key, _feed) = (feeds, key, feed);
            feed.Add(_channel);
        }

        public ChannelReader<string> Fragments => _channel.Reader;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0) _feeds.Leave(_key, _feed, _channel);
        }
    }

    internal sealed class Feed(DashboardRuntime runtime, Func<CancellationToken, Task<string>> render, CancellationToken closing)
    {
        private readonly ConcurrentDictionary<Channel<string>, bool> _readers = [];
        private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(closing);
        private volatile string? _last;

        public void Start() => _ = Task.Run(RunAsync, CancellationToken.None);

        public void Add(Channel<string> reader)
        {
            _readers.TryAdd(reader, true);
            if (_last is { } last) reader.Writer.TryWrite(last);
        }

        /// <returns>Whether it was the last reader, so that the feed ends.</returns>
        public bool Remove(Channel<string> reader)
        {
            _readers.TryRemove(reader, out _);
            if (!_readers.IsEmpty) return false;
            _stop.Cancel();
            return true;
        }

        private async Task RunAsync()
        {
            CancellationToken stop = _stop.Token;
            try
            {
                using var second = new PeriodicTimer(Monitoring.StoreMonitor.MaxAge, runtime.Time);
                do
                {
                    string fragment = await render(stop).ConfigureAwait(false);
                    if (fragment == _last) continue;
                    _last = fragment;
                    foreach (Channel<string> reader in _readers.Keys) reader.Writer.TryWrite(fragment);
                }
                while (await second.WaitForNextTickAsync(stop).ConfigureAwait(false));
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                // Nobody looks any more.
            }
            catch (Exception e)
            {
                DashboardLog.FeedFailed(runtime.Log, e);
            }
            finally
            {
                // Browsers open the stream again by themselves.
                foreach (Channel<string> reader in _readers.Keys) reader.Writer.TryComplete();
            }
        }
    }
}
