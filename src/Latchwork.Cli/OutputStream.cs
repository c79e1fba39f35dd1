namespace Latchwork.Cli;

/// <summary>Standard output cannot be written. The message says so, and why.</summary>
internal sealed class OutputFailedException : IOException
{
    /// <summary>The error number of a write to a pipe that nobody reads any more.</summary>
    private const int BrokenPipe = 32;

    public OutputFailedException(string why, Exception? innerException)
        : base($"standard output {why}", innerException)
    {
        IsBrokenPipe = innerException?.HResult == BrokenPipe;
    }

    /// <summary>Whether a reader was there and has gone, as in <c>upcoming | head</c>: it has had enough, and wants no complaint.</summary>
    public bool IsBrokenPipe { get; }
}

/// <summary>A standard stream that is written: the failure to write has one form, or is passed over.</summary>
/// <param name="inner">Where to write.</param>
/// <param name="problem">Why it cannot be written, if that is known from the start.</param>
/// <param name="isRequired">Whether a failure to write is an <see cref="OutputFailedException"/>; else what cannot be written is dropped.</param>
internal sealed class OutputStream(Stream inner, string? problem, bool isRequired) : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (problem is not null) throw new OutputFailedException(problem, innerException: null);
        try
        {
            inner.Write(buffer);
        }
        catch (Exception e) when (IsFailure(e))
        {
            if (isRequired) throw Failed(e);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (problem is not null) throw new OutputFailedException(problem, innerException: null);
        try
        {
            await inner.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (IsFailure(e))
        {
            if (isRequired) throw Failed(e);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
        try
        {
            inner.Flush();
        }
        catch (Exception e) when (IsFailure(e))
        {
            if (isRequired) throw Failed(e);
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    // A closed descriptor is an UnauthorizedAccessException to .NET.
    private static bool IsFailure(Exception exception) => exception is IOException or UnauthorizedAccessException;

    private static OutputFailedException Failed(Exception exception)
    {
        string reason = (exception.InnerException as IOException ?? exception).Message.TrimEnd('.');
        return new OutputFailedException($"cannot be written: {reason}", exception);
    }
}
