using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Latchwork.Redis.Connections.Cluster;

/// <summary>
/// Asks members of the cluster who owns which slots, on a thread and a connection of its own: at the start, when told to, and now and then.
/// Many who want to know at once get one question; there are at most ten questions a second.
/// </summary>
internal sealed class ClusterWatch(RedisOptions options, Action<ClusterMap> onMap, Func<bool> isTroubled, ILogger logger)
    : IDisposable
{
    private const int MostAsked = 5;
    private const long ShortestGap = 100;
    private const long GapInTrouble = 250;
    private const long LongestGap = 15_000;
    private static readonly TimeSpan _firstPatience = TimeSpan.FromMilliseconds(500);
    private readonly Dialer _dialer = new(options.Tls);
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly object _gate = new();
    private readonly RedisEndpoint[] _seeds = options.Servers();
    private Thread? _thread;
    private IReadOnlyList<RedisEndpoint> _members = [];
    private RedisTransport? _socket;
    private LiveServer? _informant;
    private bool _askNow;
    private bool _closing;
    private string? _trouble;

    /// <summary>Ends when the first map is known, or with the reason why none is.</summary>
    public Task First => _first.Task;

    public void Start()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "Latchwork Redis cluster watch" };
        _thread.Start();
    }

    /// <summary>Has it ask soon. Returns at once.</summary>
    public void AskSoon()
    {
        lock (_gate)
        {
            if (_askNow)
                return;
            _askNow = true;
            Monitor.PulseAll(_gate);
        }
    }

    public void BeginClose()
    {
        lock (_gate)
        {
            _closing = true;
            _socket?.Abort();
            Monitor.PulseAll(_gate);
        }

        _first.TrySetException(new ObjectDisposedException(nameof(RedisStore)));
        _ = _first.Task.Exception;
    }

    /// <summary>Ends the thread, and waits for it, but not for a name that the system is resolving.</summary>
    public void Dispose()
    {
        BeginClose();
        _thread?.Join(TimeSpan.FromSeconds(1));
    }

    private bool IsClosing => Volatile.Read(ref _closing);

    private void Run()
    {
        try
        {
            Watch();
        }
        catch (ObjectDisposedException) when (IsClosing)
        {
            // Nobody wants to know any more.
        }
        finally
        {
            Forget();
        }
    }

    private void Watch()
    {
        int failures = 0;
        long lastAsked = 0;
        while (!IsClosing)
        {
            try
            {
                lastAsked = Environment.TickCount64;
                ClusterMap map = Ask(failures);
                failures = 0;
                _trouble = null;
                _members = map.Members;
                onMap(map);
                _first.TrySetResult();
            }
            catch (LatchworkStoreException e)
            {
                failures++;
                if (_first.TrySetException(e))
                    return; // Nobody waits any more: connecting has failed.
                if (!IsClosing && _trouble != e.Message)
                    RedisLog.ClusterTrouble(logger, options.ToString(), e.Message);
                _trouble = e.Message;
            }

            Wait(lastAsked, failures);
        }
    }

    private void Wait(long lastAsked, int failures)
    {
        lock (_gate)
        {
            while (!_closing)
            {
                long gap = failures > 0 ? (long)ReconnectDelay.Before(failures).TotalMilliseconds : _askNow ? 0 : isTroubled() ? GapInTrouble : LongestGap;
                long left = lastAsked + Math.Max(gap, ShortestGap) - Environment.TickCount64;
                if (left <= 0)
                    break;
                Monitor.Wait(_gate, TimeSpan.FromMilliseconds(left));
            }

            _askNow = false; // What is asked for from now on is not answered by the question that goes out next.
        }
    }

    // Asks one after the other until one tells a map and finds the cluster well. If none does, the first map that was told must do.
    private ClusterMap Ask(int failures)
    {
        long start = Environment.TickCount64;
        bool isFirst = !_first.Task.IsCompleted;
        RedisEndpoint[] candidates = Candidates();
        var troubles = new List<LatchworkStoreException>();
        ClusterMap? second = null;
        for (int i = 0; i < candidates.Length && !IsClosing; i++)
        {
            double patience = isFirst
                ? Math.Max(1, options.ConnectTimeout.TotalMilliseconds - (Environment.TickCount64 - start)) / (candidates.Length - i)
                : Math.Min(options.ConnectTimeout.TotalMilliseconds, _firstPatience.TotalMilliseconds * Math.Pow(2, Math.Min(failures, 10)));
            try
            {
                (ClusterMap map, bool isWell) = Ask(candidates[i], Environment.TickCount64 + (long)patience);
                if (isWell)
                    return map;
                if (map.Primaries.Count > 0)
                    second ??= map;
            }
            catch (LatchworkStoreException e)
            {
                troubles.Add(e);
            }
        }

        if (second is not null)
            return second;
        ObjectDisposedException.ThrowIf(IsClosing && troubles.Count == 0, typeof(RedisStore));
        throw troubles is [var only] ? only : new LatchworkStoreException(
            $"None of the {candidates.Length} members of the cluster tells its slots. {string.Join(" ", troubles.Select(trouble => trouble.Message).Distinct())}",
            StoreOutcome.NotApplied,
            troubles.FirstOrDefault())
        { IsTransient = troubles.Exists(trouble => trouble.IsTransient) };
    }

    // First the one that answered the last time.
    private RedisEndpoint[] Candidates()
    {
        RedisEndpoint[] all = [.. _members.Concat(_seeds).Distinct()];
#pragma warning disable CA5394 // Spreading questions needs no secret.
        if (_members.Count > 0)
            Random.Shared.Shuffle(all);
#pragma warning restore CA5394
        if (_informant is { } informant)
            all = [informant.Endpoint, .. all.Where(member => member != informant.Endpoint)];
        return _members.Count > 0 && all.Length > MostAsked ? all[..MostAsked] : all;
    }

    private (ClusterMap Map, bool IsWell) Ask(RedisEndpoint member, long deadline)
    {
        string name = options.Describe(member);
        try
        {
            LiveServer server = _informant is { } informant && informant.Endpoint == member ? informant : Connect(member, deadline);
            var talk = new GreetingTalk(server.Transport, server.Input, name, deadline, options.ConnectTimeout);
            talk.Send(["CLUSTER", "SLOTS"], ["CLUSTER", "INFO"]);
            RedisReply slots = talk.Next();
            RedisReply info = talk.Next();
            if (slots.Kind == RedisReplyKind.Error)
                throw talk.Failure($"it does not tell its slots (CLUSTER SLOTS). The server said: {slots.Text}", isTransient: !slots.Text.StartsWith("NOPERM", StringComparison.Ordinal));
            bool isWell = info.Kind != RedisReplyKind.Bytes || info.Text.Contains("cluster_state:ok", StringComparison.Ordinal);
            return (ClusterMap.Read(slots, member), isWell);
        }
        catch (Exception e) when (e is IOException or SocketException or TlsRefusedException or RedisProtocolException or ObjectDisposedException or InvalidOperationException or OverflowException)
        {
            Forget();
            throw new LatchworkStoreException($"Cannot ask {name} for its slots: {e.Message}.", StoreOutcome.NotApplied, e) { IsTransient = e is not TlsRefusedException };
        }
        catch (LatchworkStoreException)
        {
            Forget();
            throw;
        }
    }

    private LiveServer Connect(RedisEndpoint member, long deadline)
    {
        Forget();
        string name = options.Describe(member);
        RedisCredentials? credentials = CredentialSource.Ask(options, name, deadline);
        RedisTransport transport = _dialer.Dial(member, deadline, ReconnectDelay.LongestConnect, Register);
        var input = new RespInput(transport);
        try
        {
            var talk = new GreetingTalk(transport, input, name, deadline, options.ConnectTimeout);
            ServerInfo info = new RedisHandshake(options, credentials, talk, anyRole: true).Run();
            return _informant = new LiveServer(member, transport, input, info);
        }
        catch
        {
            input.Dispose();
            transport.Dispose();
            throw;
        }
    }

    private void Forget()
    {
        _informant?.Dispose();
        _informant = null;
        lock (_gate)
            _socket = null;
    }

    private void Register(RedisTransport socket)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closing, typeof(RedisStore));
            _socket = socket;
        }
    }
}
