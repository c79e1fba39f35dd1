using System.Globalization;

namespace Latchwork.Api;

/// <summary>What an owner of a key proves itself with: the fencing token, a dot, and the nonce of the request.</summary>
internal readonly record struct LockToken(long FencingToken, string Nonce)
{
    /// <summary>The longest nonce that a client may choose, in characters.</summary>
    public const int MaxNonce = 64;

    /// <exception cref="ArgumentException">It is no such token.</exception>
    public static LockToken Parse(string? token)
    {
        int dot = token?.IndexOf('.') ?? -1;
        return dot > 0 && dot < token!.Length - 1 && long.TryParse(token.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out long fencingToken) && IsNonce(token[(dot + 1)..])
            ? new LockToken(fencingToken, token[(dot + 1)..])
            : throw Read.Bad("'token' must be the token that the request for the key was answered with.", nameof(token));
    }

    /// <summary>Checks a nonce that a client chose.</summary>
    /// <exception cref="ArgumentException">It cannot be one.</exception>
    public static string CheckNonce(string nonce) => IsNonce(nonce)
        ? nonce
        : throw Read.Bad($"'token' must have 16 to {MaxNonce} letters, digits, '-' or '_', chosen at random; it has {nonce.Length} characters.", "token");

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{FencingToken}.{Nonce}");

    private static bool IsNonce(string nonce) => nonce.Length is >= 16 and <= MaxNonce && nonce.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
}
