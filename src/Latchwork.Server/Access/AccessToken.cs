using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Latchwork.Server.Access;

/// <summary>The token that whoever uses the server has to show. Only its hash is kept.</summary>
internal sealed class AccessToken
{
    public const int MinLength = 16, MaxLength = 512;

    private static readonly SearchValues<byte> _allowed = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="u8);

    private readonly byte[] _hash;

    private AccessToken(ReadOnlySpan<byte> token) => _hash = SHA256.HashData(token);

    /// <summary>Makes a new one, of 256 random bits.</summary>
    /// <returns>The token, and its text.</returns>
    public static (AccessToken Token, string Text) Generate()
    {
        string text = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        return (new AccessToken(Encoding.ASCII.GetBytes(text)), text);
    }

    /// <summary>Reads it from a file, which may be a pipe.</summary>
    /// <exception cref="CliException">The file cannot be read, or holds no token. Nothing of what it holds is repeated.</exception>
    public static AccessToken ReadFile(string path)
    {
        // A line break may follow; one byte more tells that it is too long.
        byte[] content = new byte[MaxLength + 3];
        int read;
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            read = file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CliException(ExitCodes.BadInput, $"'--token-file' cannot be read: {e.Message}", e);
        }

        ReadOnlySpan<byte> token = content.AsSpan(0, read).TrimEnd("\r\n"u8);
        if (token.Length is < MinLength or > MaxLength)
        {
            string length = read == content.Length ? $"more than {MaxLength}" : $"{token.Length}";
            throw new CliException(ExitCodes.BadInput, $"'--token-file' must hold {MinLength} to {MaxLength} characters on one line; '{path}' holds {length}");
        }

        return token.ContainsAnyExcept(_allowed)
            ? throw new CliException(ExitCodes.BadInput, $"'--token-file' must hold nothing but letters, digits and -._~+/= on one line; '{path}' holds something else")
            : new AccessToken(token);
    }

    /// <summary>Whether a text is the token. How long that takes says nothing of the token.</summary>
    public bool Matches(string? text) =>
        text is { Length: <= MaxLength } && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(text)), _hash);
}
