namespace Latchwork.Cli.Input;

/// <summary>Reads the files that the command line names, standard input among them.</summary>
internal static class DataSource
{
    /// <summary>The bytes of <c>--data-file</c>; <c>-</c> is standard input.</summary>
    public static async Task<byte[]> FromFileAsync(string path, Terminal terminal, CancellationToken cancellationToken)
    {
        if (path == "-") return await ReadAsync(terminal.In, cancellationToken).ConfigureAwait(false);
        Stream file = Open(path, "--data-file");
        await using (file.ConfigureAwait(false))
        {
            return await ReadAsync(file, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Opens a file that an option names.</summary>
    public static FileStream Open(string path, string option)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0, FileOptions.Asynchronous | FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            string why = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.Message;
            throw new CliException(ExitCodes.BadInput, $"'{option}' cannot be read: '{path}': {why}", e);
        }
    }

    private static async Task<byte[]> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        // One byte more than is allowed tells "too large" apart from "just fits", without reading a huge file.
        var buffer = new byte[Limits.DefaultMaxPayloadBytes + 1];
        int length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        return length < buffer.Length
            ? buffer[..length]
            : throw new CliException(ExitCodes.BadInput, $"'--data-file' must have at most {Limits.DefaultMaxPayloadBytes} bytes");
    }
}
