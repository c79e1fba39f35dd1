using Latchwork.Cli.Commands;
using Latchwork.Cli.Input;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Posting;

/// <summary>
/// Posts a file of events while it is read: batches as large as the store takes, several under way at a time, and never more in memory
/// than those. The first bad line or failure ends it; everything before a bad line is posted.
/// </summary>
internal sealed class EventFilePoster
{
    private const int MaxUnderWay = 16;

    private readonly TimerSession _session;
    private readonly LineReader _lines;
    private readonly PostOptions _defaults;
    private readonly bool _each;
    private readonly PostSummary _summary = new();
    private readonly Queue<(Task<IReadOnlyList<PostResult>> Task, Batch Batch)> _underWay = new();
    private readonly HashSet<string> _idsUnderWay = new(StringComparer.Ordinal);
    private long _answered;

    public EventFilePoster(TimerSession session, Stream stream, PostOptions defaults, bool each)
    {
        _session = session;
        _lines = new LineReader(stream, EventLine.MaxBytes);
        _defaults = defaults;
        _each = each;
    }

    /// <summary>Events answered so far; read by the progress bar.</summary>
    public long Answered => Volatile.Read(ref _answered);

    /// <summary>Bytes read so far; read by the progress bar.</summary>
    public long BytesRead => _lines.BytesRead;

    /// <summary>Posts everything.</summary>
    /// <returns>What became of it, failure included.</returns>
    public async Task<PostSummary> RunAsync()
    {
        long started = TimeProvider.System.GetTimestamp();
        var batch = new Batch();
        try
        {
            while (await ReadEventAsync().ConfigureAwait(false) is { } post && _summary.Failure is null)
            {
                if (!batch.HasCapacityFor(post))
                {
                    await SendAsync(batch).ConfigureAwait(false);
                    batch = new Batch();
                }

                batch.Add(post, _lines.LineNumber);
            }
        }
        catch (BadLineException e)
        {
            _summary.Failure = new CliException(ExitCodes.BadInput, $"line {_lines.LineNumber}: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (_session.Stop.IsCancellationRequested)
        {
            _summary.Failure = new CliException(ExitCodes.Interrupted, $"interrupted after line {_lines.LineNumber}", e);
        }
        catch (IOException e)
        {
            _summary.Failure = new CliException(ExitCodes.Failure, $"line {_lines.LineNumber + 1}: cannot be read: {e.Message}", e);
        }

        await FinishAsync(batch).ConfigureAwait(false);
        _summary.Elapsed = TimeProvider.System.GetElapsedTime(started);
        return _summary;
    }

    private async ValueTask<TimerPost?> ReadEventAsync()
    {
        while (await _lines.ReadAsync(_session.Stop).ConfigureAwait(false) is { } line)
        {
            // Blank lines separate nothing and mean nothing; files often end with one.
            if (line.Span.IndexOfAnyExcept((byte)' ', (byte)'\t') >= 0) return EventLine.Parse(line.Span, _defaults);
        }

        return null;
    }

    // What was read before a bad line, or before the user asked to stop, is posted all the same.
    private async Task FinishAsync(Batch batch)
    {
        bool storeIsFine = _summary.Failure is null or { ExitCode: ExitCodes.BadInput } || _session.Stop.IsCancellationRequested;
        if (batch.Posts.Count > 0 && storeIsFine) await SendAsync(batch).ConfigureAwait(false);
        while (_underWay.Count > 0) await TakeAnswerAsync().ConfigureAwait(false);
    }

    private async Task SendAsync(Batch batch)
    {
        // Batches overlap, so an id that comes again waits for its former batch: the later line is to win.
        if (batch.Posts.Any(p => p.Options!.Id is { } id && _idsUnderWay.Contains(id)))
        {
            while (_underWay.Count > 0) await TakeAnswerAsync().ConfigureAwait(false);
        }

        while (_underWay.Count >= MaxUnderWay) await TakeAnswerAsync().ConfigureAwait(false);
        foreach (TimerPost post in batch.Posts)
        {
            if (post.Options!.Id is { } id) _idsUnderWay.Add(id);
        }

        _underWay.Enqueue((_session.Timer.PostAsync(batch.Posts, _session.Terminal.Hurry), batch));
    }

    private async Task TakeAnswerAsync()
    {
        (Task<IReadOnlyList<PostResult>> task, Batch batch) = _underWay.Dequeue();
        try
        {
            IReadOnlyList<PostResult> results = await task.ConfigureAwait(false);
            for (int i = 0; i < results.Count; i++) Count(results[i], batch.Lines[i]);
        }
        catch (TimerBatchException e)
        {
            for (int i = 0; i < e.Results.Count; i++)
            {
                if (e.Results[i] is { } result) Count(result, batch.Lines[i]);
            }

            Fail(batch, e.InnerException ?? e);
        }
        catch (Exception e) when (e is LatchworkStoreException or OperationCanceledException or ObjectDisposedException)
        {
            Fail(batch, e);
        }

        foreach (TimerPost post in batch.Posts)
        {
            if (post.Options!.Id is { } id) _idsUnderWay.Remove(id);
        }
    }

    private void Count(PostResult result, long line)
    {
        _summary.Add(result.Outcome);
        Volatile.Write(ref _answered, _summary.Answered);
        if (!_each || _summary.Failure?.InnerException is OutputFailedException) return;
        try
        {
            _session.Printer.Result(
                json =>
                {
                    json.WriteNumber("line", line);
                    json.WriteString("id", result.Id);
                    json.WriteString("outcome", Names.Of(result.Outcome));
                },
                () => Printable.OneLine($"{line}: {result.Id}: {Names.Of(result.Outcome)}"));
        }
        catch (OutputFailedException e)
        {
            _summary.Failure = new CliException(ExitCodes.Failure, $"{e.Message}; all lines until then, and no more than {MaxUnderWay} batches after them, were posted", e);
        }
    }

    private void Fail(Batch batch, Exception exception)
    {
        if (_summary.Failure is { ExitCode: not ExitCodes.BadInput }) return;
        string known = exception switch
        {
            LatchworkStoreException { Outcome: StoreOutcome.NotApplied } => "were not posted",
            LatchworkStoreException { Outcome: StoreOutcome.NotReplicated } => "were posted without enough replicas",
            _ => "may or may not have been posted",
        };
        string why = exception is OperationCanceledException ? "interrupted" : exception.Message;
        int exitCode = exception is OperationCanceledException ? ExitCodes.Interrupted : ExitCodes.Failure;
        _summary.Failure = new CliException(exitCode, $"lines {batch.Lines[0]} to {batch.Lines[^1]}: some {known}: {why}", exception);
    }

    /// <summary>Events that go to the store in one step.</summary>
    private sealed class Batch
    {
        private int _bytes;

        public List<TimerPost> Posts { get; } = new(Limits.MaxBatch);

        public List<long> Lines { get; } = new(Limits.MaxBatch);

        public bool HasCapacityFor(TimerPost post) =>
            Posts.Count == 0 || (Posts.Count < Limits.MaxBatch && _bytes + post.Payload.Length <= Limits.MaxBatchBytes);

        public void Add(TimerPost post, long line)
        {
            Posts.Add(post);
            Lines.Add(line);
            _bytes += post.Payload.Length;
        }
    }
}
