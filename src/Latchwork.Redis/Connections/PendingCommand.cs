using System.Buffers;
using System.Text;

namespace Latchwork.Redis.Connections;

internal enum CommandKind
{
    Evaluate = 0,

    /// <summary>SCRIPT LOAD for scripts that the server did not have; nobody waits for it.</summary>
    LoadScript = 1,

    Subscribe = 2,

    /// <summary>Restores a subscription on a new connection; nobody waits for it.</summary>
    Resubscribe = 3,

    Unsubscribe = 4,

    /// <summary>Any other command that somebody waits for.</summary>
    Plain = 5,
}

/// <summary>
/// A command from the call to its reply. The caller owns the result and may give up waiting at any time; the pipeline owns the bytes and the
/// command's place in the line, whether anybody waits or not.
/// </summary>
internal sealed class PendingCommand : InlineResult
{
    private CancellationTokenRegistration _registration;
    private int _settled;
    private CommandBytes _bytes;

    public PendingCommand(CommandKind kind, in CommandBytes bytes, long deadline)
    {
        Kind = kind;
        _bytes = bytes;
        Deadline = deadline;
    }

    public CommandKind Kind { get; }

    /// <summary>For scripts.</summary>
    public RedisScript? Script { get; init; }

    /// <summary>For plain commands: what it is called.</summary>
    public string? Words { get; init; }

    /// <summary>For subscriptions.</summary>
    public string? Channel { get; init; }

    /// <summary>For subscriptions: called when the server has said yes, before the waiting caller goes on.</summary>
    public Action? OnSubscribed { get; init; }

    /// <summary>Told of an exception that a continuation let out; the thread that gives out the result must go on.</summary>
    public Action<Exception>? OnCallbackFailed { get; init; }

    /// <summary>On the clock of <see cref="Environment.TickCount64"/>.</summary>
    public long Deadline { get; }

    public long WrittenAt { get; set; }

    /// <summary>Whether a sender reads the bytes right now, so that they must not go back to the pool.</summary>
    public bool IsBeingSent { get; set; }

    /// <summary>How often the server said that it does not have the script.</summary>
    public int Misses { get; set; }

    /// <summary>
    /// Whether <c>WAIT</c> follows the script, so that two replies come; the result is then a list of both. In place of a second one that does
    /// not come there is an error.
    /// </summary>
    public bool HasWait { get; init; }

    /// <summary>The first reply, while the second one is waited for.</summary>
    public RedisReply? First { get; set; }

    /// <summary>The hash slot of its keys, by which a cluster finds the server for it; -1 if it is for one certain server.</summary>
    public int Slot { get; init; } = -1;

    /// <summary>How often a member of the cluster has sent it on to another one since it was last sent where it belongs.</summary>
    public int Hops { get; set; }

    /// <summary>How often the cluster could not serve it, so that it waited.</summary>
    public int Waits { get; set; }

    /// <summary>Whether ASKING stands in front of it, which has a reply of its own.</summary>
    public bool IsAsking => _bytes.Start > 0;

    /// <summary>Whether the reply of ASKING is still to come.</summary>
    public bool OwesAsking { get; set; }

    /// <summary>Whether no reply comes to it: it is done when it is written.</summary>
    public bool HasNoReply { get; init; }

    /// <summary>Why the server did not do it when it was sent the last time; null if it was not sent, or is sent again for another reason.</summary>
    public string? Refusal { get; set; }

    public ref readonly CommandBytes Bytes => ref _bytes;

    /// <summary>Whether the caller has its result, or has given up.</summary>
    public bool IsSettled => Volatile.Read(ref _settled) != 0;

    /// <summary>What it is, for messages: never an argument.</summary>
    public string Name => Kind switch
    {
        CommandKind.Evaluate => $"script '{Script!.Name}'",
        CommandKind.Plain => $"command '{Words}'",
        _ => $"{Kind} command",
    };

    /// <summary>Lets the caller give up. Called once, before the command is submitted.</summary>
    public void CancelWith(CancellationToken cancellationToken)
    {
        if (!cancellationToken.CanBeCanceled)
            return;
        _registration = cancellationToken.UnsafeRegister(
            static (state, token) => ((PendingCommand)state!).Settle(default, new OperationCanceledException(token)), this);
    }

    public void Succeed(in RedisReply reply) => Settle(reply, null);

    public void Fail(Exception error) => Settle(default, error);

    /// <summary>Ends a command that was written and whose last reply does not come.</summary>
    public void Abandon(Exception reason)
    {
        if (First is not { } first)
            Fail(reason);
        else if (first.Kind == RedisReplyKind.Error)
            Fail(RedisErrors.FromServer(first.Text, Name));
        else
            Succeed(RedisReply.OfItems([first, RedisReply.OfError(Encoding.UTF8.GetBytes(reason.Message))]));
    }

    /// <summary>Puts ASKING in front of it, or takes it away. Only while it is in no line.</summary>
    public void Ask(bool asks)
    {
        if (asks != IsAsking)
            ReplaceBytes(RespWriter.Asking(_bytes, asks));
    }

    /// <summary>From now on the whole script is sent, not its hash. Only while it is in no line.</summary>
    public void SendWhole()
    {
        bool asks = IsAsking;
        ReplaceBytes(RespWriter.Eval(Script!, _bytes));
        Ask(asks);
    }

    public void ReplaceBytes(in CommandBytes bytes)
    {
        Release();
        _bytes = bytes;
    }

    /// <summary>Gives the bytes back; only when the command has left the line.</summary>
    public void Release()
    {
        byte[]? array = _bytes.Array;
        _bytes = default;
        if (array is not null && !IsBeingSent)
            ArrayPool<byte>.Shared.Return(array);
    }

    // The caller goes on inside this call, on this thread.
    private void Settle(in RedisReply reply, Exception? error)
    {
        if (Interlocked.Exchange(ref _settled, 1) != 0)
            return;
        _registration.Unregister();
        try
        {
            Complete(reply, error);
        }
        catch (Exception e) when (OnCallbackFailed is not null)
        {
            OnCallbackFailed(e);
        }
    }
}
