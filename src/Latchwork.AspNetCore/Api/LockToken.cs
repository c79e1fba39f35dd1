using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Latchwork.Security;
using Microsoft.AspNetCore.Http;

namespace Latchwork.Api;

/// <summary>What an owner of a key proves itself with: the fencing token, a dot, and the nonce of the request.</summary>
internal readonly record struct LockToken(long FencingToken, string Nonce)
{
    private const int MaxNonce = 64;

    /// <exception cref="ArgumentException">It is no such token.</exception>
    public static LockToken Parse(string? token)
    {
        int dot = token?.IndexOf('.') ?? -1;
        return dot > 0 && dot < token!.Length - 1 && long.TryParse(token.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out long fencingToken) && IsNonce(token[(dot + 1)..])
            ? new LockToken(fencingToken, token[(dot + 1)..])
            : throw Read.Bad("'token' must be the token that the request for the key was answered with.", nameof(token));
    }

    /// <summary>
    /// The nonce of a request whose token the client chose: the same for the same token of the same user, at any server, and another user's is another.
    /// </summary>
    /// <exception cref="ArgumentException">The token is too easy to guess, or cannot be one.</exception>
    public static string NonceOf(HttpContext context, string token) =>
        Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes($"{ClaimKey.Check(token)}\n{RequestUser.KeyOf(RequestUser.Of(context))}")));

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{FencingToken}.{Nonce}");

    private static bool IsNonce(string nonce) => nonce.Length is >= 16 and <= MaxNonce && nonce.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
}
