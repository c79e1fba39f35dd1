namespace Latchwork.Redis.Connections;

/// <summary>
/// The line of commands: those that wait to be written, and those that were written and wait for their replies, which come in the same
/// order. One lock guards it. Whoever has set <c>_sending</c> is the only one who writes: the writer thread, which takes everything that
/// waits into one system call; the reader thread, for what its continuations have queued; or, when the line is empty, the caller itself,
/// which spares the hand-over to another thread. Results are given out after the lock is released.
/// </summary>
internal sealed partial class CommandPipeline(CommandLimits limits)
{
    private readonly object _gate = new();
    private readonly HashSet<string> _loading = new(StringComparer.Ordinal);
    private Queue<PendingCommand> _waiting = new();
    private Queue<PendingCommand> _written = new();
    private RedisTransport? _transport;
    private Thread? _reader;
    private bool _sending;
    private bool _retiring;
    private bool _closing;
    private bool _closed;
    private int _count;
    private long _bytes;

    /// <summary>Why there is no connection now, for messages.</summary>
    public string Trouble { get; set; } = "not connected yet";

    /// <summary>Whether every command has had its reply.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (_gate)
                return _count == 0;
        }
    }

    /// <summary>Whether the connection was told to end and nothing is under way on it any more.</summary>
    public bool IsRetired
    {
        get
        {
            lock (_gate)
                return _retiring && _written.Count == 0 && !_sending;
        }
    }

    /// <summary>Puts a command at the end of the line.</summary>
    /// <exception cref="ObjectDisposedException">The connection is closed.</exception>
    /// <exception cref="LatchworkStoreException">Too many commands wait; this one was not applied.</exception>
    public void Submit(PendingCommand command)
    {
        bool taken = SubmitUnlessClosing(command);
        ObjectDisposedException.ThrowIf(!taken, typeof(RedisStore));
    }

    /// <summary>Puts a command at the end of the line.</summary>
    /// <returns>Whether the connection still takes commands.</returns>
    /// <exception cref="LatchworkStoreException">Too many commands wait; this one was not applied.</exception>
    public bool SubmitUnlessClosing(PendingCommand command)
    {
        bool taken = Offer(command);
        if (!taken)
            command.Release();
        return taken;
    }

    /// <summary>The same, but a command that is not taken stays the caller's, who may take it elsewhere.</summary>
    /// <returns>Whether the connection still takes commands.</returns>
    /// <exception cref="LatchworkStoreException">Too many commands wait; this one was not applied.</exception>
    public bool Offer(PendingCommand command)
    {
        bool direct = false;
        lock (_gate)
        {
            if (_closing)
                return false;
            int length = command.Bytes.Length;
            bool isFull = _count > 0 && (_count >= limits.MaxCommands || _bytes + length > limits.MaxBytes);
            if (isFull && command.Kind != CommandKind.Unsubscribe)
            {
                command.Release();
                throw RedisErrors.LineIsFull(command, limits, _transport is null ? Trouble : null);
            }

            Append(_waiting, command);
            // On the reader thread it waits until the reader has handled all that it received: then all go together.
            if (!CanSend || Thread.CurrentThread != _reader)
            {
                direct = CanSend && _count == 1 && length <= DirectBytes;
                _sending |= direct;
                if (!direct)
                    Monitor.PulseAll(_gate); // The writer sends it, or watches its deadline.
            }
        }

        if (direct)
            SendBatch();
        return true;
    }

    /// <summary>Puts a command that found its script missing back into the line, behind the loading of the script.</summary>
    public void Retry(PendingCommand command)
    {
        RedisScript script = command.Script!;
        command.Misses++;
        if (command.Misses > 1)
            command.SendWhole(); // Somebody keeps flushing: this cannot miss.
        lock (_gate)
        {
            // Replies come in the order of execution: a miss that is seen before the reply to the load happened before the load.
            if (command.Misses == 1 && _loading.Add(script.Sha1))
                Append(_waiting, new PendingCommand(CommandKind.LoadScript, RespWriter.Words("SCRIPT", "LOAD", script.Source), long.MaxValue) { Script = script });
            Append(_waiting, command);
        }
    }

    /// <summary>Takes the command to which a reply has come; null when nothing waits for one.</summary>
    /// <param name="reply">The reply.</param>
    /// <param name="isLast">Whether it is the command's last one. If not, the command stays in the line, and keeps it.</param>
    public PendingCommand? TakeReplied(in RedisReply reply, out bool isLast)
    {
        isLast = true;
        lock (_gate)
        {
            if (!_written.TryPeek(out PendingCommand? command))
                return null;
            if (command.OwesAsking)
            {
                command.OwesAsking = false;
                isLast = false;
                return command;
            }

            if (command.HasWait && command.First is null)
            {
                command.First = reply;
                isLast = false;
                return command;
            }

            _written.Dequeue();
            Uncount(command);
            if (command.Kind == CommandKind.LoadScript)
                _loading.Remove(command.Script!.Sha1);
            return command;
        }
    }

    /// <summary>The command whose reply comes next; null when nothing waits for one.</summary>
    public PendingCommand? PeekWritten()
    {
        lock (_gate)
            return _written.TryPeek(out PendingCommand? command) ? command : null;
    }

    /// <summary>Begins to use a connection whose handshake is done.</summary>
    /// <param name="transport">The connection.</param>
    /// <param name="reader">The thread that reads from it.</param>
    /// <param name="first">What is to be sent before everything that waits.</param>
    /// <param name="rewrite">Told of each command that waits; it may have to be worded otherwise for this server.</param>
    public void Attach(RedisTransport transport, Thread reader, IEnumerable<PendingCommand> first, Action<PendingCommand>? rewrite = null)
    {
        lock (_gate)
        {
            Queue<PendingCommand> waiting = _waiting;
            _waiting = new Queue<PendingCommand>();
            foreach (PendingCommand command in first)
                Append(_waiting, command);
            foreach (PendingCommand command in waiting)
            {
                Uncount(command);
                rewrite?.Invoke(command);
                Append(_waiting, command);
            }

            _transport = transport;
            _reader = reader;
            _retiring = false;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Why the connection was told to end.</summary>
    public string RetireReason { get; private set; } = "";

    /// <summary>Stops writing to the connection; it ends when all that was written is answered.</summary>
    public void Retire(string reason)
    {
        lock (_gate)
        {
            if (!_retiring)
                RetireReason = reason;
            _retiring = true;
        }
    }

    /// <summary>The same, if this is the connection in use.</summary>
    /// <returns>Whether it is.</returns>
    public bool TryRetire(RedisTransport socket, string reason)
    {
        lock (_gate)
        {
            if (_transport is null || !_transport.IsOver(socket))
                return false;
            Retire(reason);
            return true;
        }
    }

    /// <summary>Puts back a command of which nothing has run, for the next connection.</summary>
    /// <returns>Whether there is time left for another try.</returns>
    public bool SendAgain(PendingCommand command, string refusal)
    {
        lock (_gate)
        {
            command.Refusal = refusal;
            if (command.IsSettled || command.Deadline <= Environment.TickCount64)
                return false;
            Append(_waiting, command);
            return true;
        }
    }

    /// <summary>
    /// Gives up a broken connection, which was aborted. What was written has an unknown outcome, except that subscribing can be repeated and
    /// unsubscribing is done. What was not yet written stays in the line.
    /// </summary>
    public void Detach(string trouble)
    {
        var ended = new List<PendingCommand>();
        lock (_gate)
        {
            while (_sending)
                Monitor.Wait(_gate);
            _transport = null;
            Trouble = trouble;
            Queue<PendingCommand> written = _written;
            Queue<PendingCommand> waiting = _waiting;
            (_written, _waiting) = (new Queue<PendingCommand>(), new Queue<PendingCommand>());
            foreach (PendingCommand command in written)
                (command.Kind == CommandKind.Subscribe && !command.IsSettled ? _waiting.Enqueue : (Action<PendingCommand>)ended.Add)(command);
            foreach (PendingCommand command in waiting)
                (command.Kind is CommandKind.Evaluate or CommandKind.Plain or CommandKind.Subscribe ? _waiting.Enqueue : (Action<PendingCommand>)ended.Add)(command);
            foreach (PendingCommand command in ended)
                Uncount(command);
            _loading.Clear();
        }

        foreach (PendingCommand command in ended)
        {
            command.Release();
            if (command.Kind is CommandKind.Evaluate or CommandKind.Plain)
                command.Abandon(RedisErrors.ConnectionBroke(command, trouble));
            else
                command.Succeed(RedisReply.Null);
        }
    }

    /// <summary>Takes out what waits to be written and may as well be sent to another member of the cluster.</summary>
    public List<PendingCommand> TakeRoutable()
    {
        var routable = new List<PendingCommand>();
        lock (_gate)
        {
            for (int left = _waiting.Count; left > 0; left--)
            {
                PendingCommand command = _waiting.Dequeue();
                if (command.Slot < 0)
                {
                    _waiting.Enqueue(command);
                    continue;
                }

                Uncount(command);
                routable.Add(command);
            }
        }

        return routable;
    }

    /// <summary>Waits until nobody reads the bytes of a command that has had its reply, so that it can be sent elsewhere.</summary>
    public void AwaitSent(PendingCommand command)
    {
        lock (_gate)
        {
            while (ReferenceEquals(_beingSent, command))
                Monitor.Wait(_gate);
        }
    }

    /// <summary>Takes no more commands.</summary>
    public void BeginClose()
    {
        lock (_gate)
        {
            _closing = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Fails what waits still and ends the writer thread.</summary>
    public void Close()
    {
        PendingCommand[] ended;
        lock (_gate)
        {
            _closing = true;
            _closed = true;
            ended = [.. _waiting];
            _waiting.Clear();
            foreach (PendingCommand command in ended)
                Uncount(command);
            Monitor.PulseAll(_gate);
        }

        foreach (PendingCommand command in ended)
        {
            command.Release();
            command.Fail(RedisErrors.ClosedBeforeSending(command));
        }
    }

    private void Append(Queue<PendingCommand> line, PendingCommand command)
    {
        line.Enqueue(command);
        _count++;
        _bytes += command.Bytes.Length;
    }

    private void Uncount(PendingCommand command)
    {
        _count--;
        _bytes -= command.Bytes.Length;
    }
}

/// <summary>The bounds of a pipeline.</summary>
/// <param name="MaxCommands">Commands in the line, written ones included.</param>
/// <param name="MaxBytes">Their bytes; a single command may have more.</param>
/// <param name="CommandTimeout">From the call to the reply.</param>
internal readonly record struct CommandLimits(int MaxCommands, long MaxBytes, TimeSpan CommandTimeout)
{
    /// <summary>How often deadlines are looked at.</summary>
    public TimeSpan Tick => TimeSpan.FromMilliseconds(Math.Clamp(CommandTimeout.TotalMilliseconds / 8, 5, 250));

    /// <summary>
    /// How long a server that owes replies may send nothing at all before it counts as frozen or gone and the connection is dropped: the
    /// command timeout, and as much again but at most a second, in which an answer that is merely late still finds its place.
    /// </summary>
    public TimeSpan Silence => CommandTimeout + (CommandTimeout < TimeSpan.FromSeconds(1) ? CommandTimeout : TimeSpan.FromSeconds(1));
}
