using System.Buffers;

namespace Latchwork.Cli.Once;

/// <summary>Keeps both outputs of a command, byte for byte, up to a number of bytes in all.</summary>
internal sealed class OutputCapture
{
    private readonly int _max;
    private readonly Lock _gate = new();
    private readonly ArrayBufferWriter<byte> _output = new();
    private readonly ArrayBufferWriter<byte> _error = new();
    private readonly TaskCompletionSource _overflowed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="max">The most bytes of both together.</param>
    public OutputCapture(int max) => _max = max;

    /// <summary>Ends when the command has written more than that.</summary>
    public Task Overflowed => _overflowed.Task;

    /// <summary>Reads both to their ends. What is beyond the limit is read and dropped, so that the command is not blocked while it is asked to stop.</summary>
    public Task ReadAsync(Stream output, Stream error) => Task.WhenAll(ReadAsync(output, _output), ReadAsync(error, _error));

    /// <summary>What was read so far.</summary>
    public (byte[] Output, byte[] Error) Take()
    {
        lock (_gate) return (_output.WrittenSpan.ToArray(), _error.WrittenSpan.ToArray());
    }

    private async Task ReadAsync(Stream from, ArrayBufferWriter<byte> to)
    {
        byte[] buffer = new byte[16 << 10];
        int count;
        while ((count = await from.ReadAsync(buffer, CancellationToken.None).ConfigureAwait(false)) > 0)
        {
            lock (_gate)
            {
                if (count <= _max - _output.WrittenCount - _error.WrittenCount) to.Write(buffer.AsSpan(0, count));
                else _overflowed.TrySetResult();
            }
        }
    }
}
