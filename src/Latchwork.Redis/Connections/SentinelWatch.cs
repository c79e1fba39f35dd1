using System.Globalization;
using System.Net.Sockets;

namespace Latchwork.Redis.Connections;

/// <summary>
/// Watches one Sentinel on a thread of its own: subscribes to <c>+switch-master</c>, and asks for the primary whenever that rings, when told
/// to, and now and then, as messages can be lost. It comes back after every failure until it is closed.
/// </summary>
internal sealed class SentinelWatch
{
    private const long AskEvery = 5000;
    private const long AskEveryWithoutMessages = 1000;
    private static readonly TimeSpan _tick = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(2);
    private readonly RedisOptions _options;
    private readonly Action<SentinelReport> _report;
    private readonly Dialer _dialer;
    private readonly Thread _thread;
    private readonly object _gate = new();
    private RedisTransport? _socket;
    private bool _askNow;
    private bool _closing;

    /// <param name="options">The settings.</param>
    /// <param name="sentinel">The Sentinel.</param>
    /// <param name="report">Told what it says, on the thread of the watch.</param>
    public SentinelWatch(RedisOptions options, RedisEndpoint sentinel, Action<SentinelReport> report)
    {
        _options = options;
        Sentinel = sentinel;
        _report = report;
        _dialer = new Dialer(options.Tls);
        _thread = new Thread(Run) { IsBackground = true, Name = "Latchwork Sentinel watch" };
    }

    public RedisEndpoint Sentinel { get; }

    public void Start() => _thread.Start();

    /// <summary>Has it asked soon.</summary>
    public void AskAgain()
    {
        lock (_gate)
        {
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
    }

    /// <summary>Waits for the thread, but not for a name that the system is resolving.</summary>
    public void AwaitEnd()
    {
        if ((_thread.ThreadState & ThreadState.Unstarted) == 0)
            _thread.Join(TimeSpan.FromSeconds(1));
    }

    private void Run()
    {
        int failures = 0;
        while (!Volatile.Read(ref _closing))
        {
            string trouble;
            try
            {
                Watch(() => failures = 0);
                return;
            }
            catch (LatchworkStoreException e)
            {
                trouble = e.Message;
            }
            catch (Exception e) when (e is IOException or SocketException or TlsRefusedException or RedisProtocolException or ObjectDisposedException)
            {
                trouble = $"Cannot ask the Sentinel {Sentinel}: {e.Message}.";
            }

            lock (_gate)
            {
                if (_closing)
                    return;
                _socket = null;
            }

            _report(new SentinelReport(null, 0, trouble));
            lock (_gate)
            {
                if (!_closing)
                    Monitor.Wait(_gate, ReconnectDelay.Before(++failures));
            }
        }
    }

    // Returns when the watch is closed; ends with an exception when the Sentinel is lost.
    private void Watch(Action onAnswer)
    {
        long deadline = Environment.TickCount64 + (long)_options.ConnectTimeout.TotalMilliseconds;
        using RedisTransport transport = _dialer.Dial(Sentinel, deadline, ReconnectDelay.LongestConnect, Register);
        using var input = new RespInput(transport);
        Greet(new GreetingTalk(transport, input, $"the Sentinel {Sentinel}", deadline, _options.ConnectTimeout));
        transport.SetTimeouts(_tick, _patience);
        transport.Send(RespWriter.Words("SUBSCRIBE", "+switch-master").Span);

        bool rung = true;
        bool subscribing = true;
        long askEvery = AskEvery;
        long? askedAt = null;
        long nextAsk = 0;
        while (!Volatile.Read(ref _closing))
        {
            long now = Environment.TickCount64;
            if (askedAt is null && (TakeAskNow() || rung || now >= nextAsk))
            {
                rung = false;
                nextAsk = now + askEvery;
                askedAt = now;
                transport.Send(RespWriter.Words("SENTINEL", "MASTER", _options.SentinelService!).Span);
            }

            if (input.Receive())
            {
                while (input.TryNext(out RespMessage message))
                {
                    bool isMessage = message.IsPush && message.Reply.Items is [{ Kind: RedisReplyKind.Bytes }, ..];
                    if (isMessage && message.Reply.Items[0].Text == "message")
                    {
                        rung = true;
                    }
                    else if (subscribing && (isMessage || message.Reply.Kind == RedisReplyKind.Error))
                    {
                        subscribing = false;
                        askEvery = isMessage ? AskEvery : AskEveryWithoutMessages; // It may forbid messages.
                    }
                    else if (!message.IsPush)
                    {
                        askedAt = null;
                        _report(Read(message.Reply));
                        onAnswer();
                    }
                }
            }
            else if (askedAt is { } at && Environment.TickCount64 - at > _patience.TotalMilliseconds && !transport.HasData)
            {
                throw new IOException($"it did not answer within {RedisErrors.Text(_patience)}");
            }
        }
    }

    private void Greet(GreetingTalk talk)
    {
        var hello = new List<string> { "HELLO", "3" };
        if (_options.SentinelPassword is { } password)
            hello.AddRange(["AUTH", _options.SentinelUser ?? "default", password]);
        talk.Send([.. hello]);
        RedisReply greeting = talk.Next();
        if (greeting.Kind == RedisReplyKind.Error)
            throw talk.Failure($"it refused HELLO. It said: {Redact(greeting.Text)}");
        if (greeting.Kind != RedisReplyKind.Array || RedisHandshake.Field(greeting, "mode") != "sentinel")
            throw talk.Failure("it is no Sentinel; for a Redis server write redis://host.");
    }

    private SentinelReport Read(in RedisReply reply)
    {
        if (reply.Kind == RedisReplyKind.Error)
            return new SentinelReport(null, 0, $"The Sentinel {Sentinel} does not tell the primary of '{_options.SentinelService}': {Redact(reply.Text)}.");
        string? host = reply.Kind == RedisReplyKind.Array ? RedisHandshake.Field(reply, "ip") : null;
        if (host is null || !int.TryParse(RedisHandshake.Field(reply, "port"), CultureInfo.InvariantCulture, out int port))
            return new SentinelReport(null, 0, $"The Sentinel {Sentinel} gave an answer that is not understood.");
        long epoch = long.TryParse(RedisHandshake.Field(reply, "config-epoch"), CultureInfo.InvariantCulture, out long number) ? number : 0;
        return new SentinelReport(new RedisEndpoint(host, port), epoch, null);
    }

    private void Register(RedisTransport socket)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closing, typeof(RedisStore));
            _socket = socket;
        }
    }

    private bool TakeAskNow()
    {
        lock (_gate)
        {
            bool asked = _askNow;
            _askNow = false;
            return asked;
        }
    }

    private string Redact(string text) =>
        string.IsNullOrEmpty(_options.SentinelPassword) ? text : text.Replace(_options.SentinelPassword, "***", StringComparison.Ordinal);
}
