namespace Latchwork.Redis.Connections;

/// <summary>Writing, and the deadlines.</summary>
internal sealed partial class CommandPipeline
{
    /// <summary>
    /// As much may be under way when a thread writes that must not block for long. Even small send buffers of the kernel hold several times
    /// as much, so such a write does not wait for the server.
    /// </summary>
    private const int DirectBytes = 16 << 10;

    // Belongs to whoever has set _sending.
    private readonly byte[] _batch = new byte[64 << 10];
    private PendingCommand? _beingSent;

    private bool CanSend => _transport is not null && !_sending && !_retiring;

    /// <summary>Writes what the reader's continuations have queued, or has it written.</summary>
    public void FlushFromReader()
    {
        lock (_gate)
        {
            if (!CanSend || _waiting.Count == 0)
                return;
            if (_bytes > DirectBytes)
            {
                Monitor.PulseAll(_gate);
                return;
            }

            _sending = true;
        }

        SendBatch();
    }

    /// <summary>The writer thread: writes what waits, and fails what has waited too long. Returns when the pipeline is closed.</summary>
    public void RunWriter()
    {
        while (true)
        {
            bool send;
            lock (_gate)
            {
                while (!_closed && _waiting.Count == 0)
                    Monitor.Wait(_gate);
                send = !_closed && CanSend && _waiting.Peek().Deadline > Environment.TickCount64;
                if (!_closed && !send)
                    Monitor.Wait(_gate, limits.Tick);
                if (_closed)
                    return;
                _sending |= send;
            }

            if (send)
                SendBatch();
            else
                ExpireWaiting();
        }
    }

    /// <summary>Fails the commands that have waited too long to be written.</summary>
    public void ExpireWaiting()
    {
        List<PendingCommand>? overdue = null;
        string? trouble;
        lock (_gate)
        {
            long now = Environment.TickCount64;
            trouble = _transport is null ? Trouble : null;
            for (int left = _waiting.Count; left > 0; left--)
            {
                PendingCommand command = _waiting.Dequeue();
                if (command.Deadline > now && !command.IsSettled)
                {
                    _waiting.Enqueue(command);
                    continue;
                }

                Uncount(command);
                (overdue ??= []).Add(command);
            }
        }

        foreach (PendingCommand command in overdue ?? [])
        {
            command.Release();
            command.Fail(RedisErrors.NotSentInTime(command, limits, trouble));
        }
    }

    /// <summary>Fails the written commands whose replies are late. They keep their places, so that later replies find the right commands.</summary>
    /// <returns>For how long the oldest one has waited for its reply; zero when there is none.</returns>
    public TimeSpan ExpireWritten()
    {
        List<PendingCommand>? overdue = null;
        long now = Environment.TickCount64;
        TimeSpan oldest = TimeSpan.Zero;
        lock (_gate)
        {
            if (_written.TryPeek(out PendingCommand? head))
                oldest = TimeSpan.FromMilliseconds(now - head.WrittenAt);
            foreach (PendingCommand command in _written)
            {
                if (command.Deadline <= now && !command.IsSettled)
                    (overdue ??= []).Add(command);
            }
        }

        foreach (PendingCommand command in overdue ?? [])
            command.Abandon(RedisErrors.NoReplyInTime(command, limits));
        return oldest;
    }

    // Only by the thread that has set _sending.
    private void SendBatch()
    {
        RedisTransport transport;
        ReadOnlyMemory<byte> batch;
        lock (_gate)
        {
            transport = _transport!; // Detach waits while somebody is sending.
            batch = TakeBatch();
        }

        try
        {
            if (!batch.IsEmpty)
                transport.Send(batch.Span);
        }
        catch (IOException)
        {
            transport.Abort(); // The reader finds the connection broken, and settles what was written.
        }
        finally
        {
            lock (_gate)
            {
                _sending = false;
                _beingSent?.IsBeingSent = false;
                _beingSent = null;
                Monitor.PulseAll(_gate);
            }
        }
    }

    // Moves commands to the written ones, before a byte of them goes out: a reply may come at once, and a part may be written when it breaks.
    private ReadOnlyMemory<byte> TakeBatch()
    {
        long now = Environment.TickCount64;
        int used = 0;
        while (_waiting.TryPeek(out PendingCommand? command) && command.Deadline > now)
        {
            ref readonly CommandBytes bytes = ref command.Bytes;
            if (command.IsSettled)
            {
                Uncount(_waiting.Dequeue());
                command.Release();
                continue;
            }

            bool alone = used == 0 && !command.HasNoReply && (_waiting.Count == 1 || bytes.Length > _batch.Length);
            if (!alone && used + bytes.Length > _batch.Length)
                break;
            _waiting.Dequeue();
            if (command.HasNoReply)
            {
                bytes.Span.CopyTo(_batch.AsSpan(used));
                used += bytes.Length;
                Uncount(command);
                command.Release();
                continue;
            }

            command.WrittenAt = now;
            command.OwesAsking = command.IsAsking;
            _written.Enqueue(command);
            if (alone)
            {
                // Sent from its own array, without a copy.
                command.IsBeingSent = true;
                _beingSent = command;
                return bytes.Array.AsMemory(0, bytes.Length);
            }

            bytes.Span.CopyTo(_batch.AsSpan(used));
            used += bytes.Length;
        }

        return _batch.AsMemory(0, used);
    }
}
