using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Latchwork.Dashboard;

/// <summary>
/// The streams of a dashboard. What several browsers look at is read and rendered once a second for all of them, and only while somebody looks.
/// A browser that is slow gets the newest, not all.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "A source without timer and wait handle holds nothing that must be disposed; streams still ask whether it fired.")]
internal sealed class FragmentFeeds(TimeProvider time, ILogger log, int maxStreams) : IDisposable
{
    private readonly TimeProvider _time = time;
    private readonly ILogger _log = log;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Feed> _feeds = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _closing = new();
    private int _open;

    /// <summary>How many streams are open.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>How many different things are looked at.</summary>
    public int Feeds
    {
        get
        {
            lock (_gate) return _feeds.Count;
        }
    }

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
            bool isNew = !_feeds.TryGetValue(key, out Feed? feed);
            if (isNew) _feeds.Add(key, feed = new Feed(this, key, render));
            Subscription subscription = new(this, feed!);
            if (isNew) feed!.Start();
            return subscription;
        }
    }

    public void Dispose() => _closing.Cancel();

    /// <summary>One browser's part in a feed.</summary>
    internal sealed class Subscription : IDisposable
    {
        private readonly FragmentFeeds _feeds;
        private readonly Feed _feed;
        private readonly Channel<string> _channel = Channel.CreateBounded<string>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });
        private bool _disposed;

        /// <summary>Needs the gate of the feeds.</summary>
        public Subscription(FragmentFeeds feeds, Feed feed)
        {
            (_feeds, _feed) = (feeds, feed);
            feed.Add(_channel);
        }

        public ChannelReader<string> Fragments => _channel.Reader;

        public void Dispose()
        {
            lock (_feeds._gate)
            {
                if (_disposed) return;
                _disposed = true;
                _feeds._open--;
                _feed.Remove(_channel);
            }
        }
    }

    /// <summary>What browsers with the same key look at. All but the loop is under the gate of the feeds.</summary>
    internal sealed class Feed(FragmentFeeds feeds, string key, Func<CancellationToken, Task<string>> render)
    {
        private readonly HashSet<Channel<string>> _readers = [];
        private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(feeds._closing.Token);
        private bool _ended;
        private string? _last;

        /// <summary>Begins. In the context of no request: it continues for all.</summary>
        public void Start()
        {
            using AsyncFlowControl? flow = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
            CancellationToken stop = _stop.Token;
            _ = Task.Run(() => RunAsync(stop), CancellationToken.None);
        }

        public void Add(Channel<string> reader)
        {
            _readers.Add(reader);
            if (_last is { } last) reader.Writer.TryWrite(last);
        }

        /// <summary>Removes a reader. With the last one the feed ends, and whoever comes then begins another.</summary>
        public void Remove(Channel<string> reader)
        {
            _readers.Remove(reader);
            if (_readers.Count > 0 || _ended) return;
            feeds._feeds.Remove(key);
            _ended = true;
            _ = _stop.CancelAsync(); // whoever hears it may come back here
        }

        private async Task RunAsync(CancellationToken stop)
        {
            try
            {
                using var second = new PeriodicTimer(Monitoring.StoreMonitor.MaxAge, feeds._time);
                do Publish(await render(stop).ConfigureAwait(false));
                while (await second.WaitForNextTickAsync(stop).ConfigureAwait(false));
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                // Nobody looks any more.
            }
            catch (Exception e)
            {
                DashboardLog.FeedFailed(feeds._log, e);
            }
            finally
            {
                End();
            }
        }

        private void Publish(string fragment)
        {
            lock (feeds._gate)
            {
                if (fragment == _last) return;
                _last = fragment;
                foreach (Channel<string> reader in _readers) reader.Writer.TryWrite(fragment);
            }
        }

        // Whoever comes from now on begins another; those who look open the stream again by themselves.
        private void End()
        {
            lock (feeds._gate)
            {
                if (!_ended) feeds._feeds.Remove(key);
                _ended = true;
                foreach (Channel<string> reader in _readers) reader.Writer.TryComplete();
            }

            _stop.Dispose(); // nobody cancels what has ended
        }
    }
}
