using System.Security.Cryptography;
using Latchwork.Security;
using Microsoft.AspNetCore.Http;

namespace Latchwork.Api;

/// <summary>What a claim is known by when it is repeated: its token, within a namespace, and for the user alone who made it.</summary>
/// <param name="Namespace">The namespace.</param>
/// <param name="User">The user; empty for a client that is nobody.</param>
/// <param name="Token">The token that the client chose, or was given.</param>
internal readonly record struct ClaimKey(string Namespace, string User, string Token)
{
    /// <summary>The bounds of a token, in characters. Even in hexadecimal digits the shortest has 128 bits.</summary>
    public const int MinToken = 32, MaxToken = 128;

    /// <summary>The key of a claim.</summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="context">The request.</param>
    /// <param name="token">The token that the client chose; null: a new one is made.</param>
    /// <exception cref="ArgumentException">The token is too easy to guess, or cannot be one.</exception>
    public static ClaimKey Of(string ns, HttpContext context, string? token) =>
        new(ns, RequestUser.KeyOf(RequestUser.Of(context)), token is null ? Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(MinToken / 2)) : Check(token));

    /// <summary>Checks a token that a client chose.</summary>
    /// <exception cref="ArgumentException">It is too easy to guess, or cannot be one.</exception>
    public static string Check(string token) => token.Length is >= MinToken and <= MaxToken && token.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
        ? token
        : throw Read.Bad(
            $"'token' must have {MinToken} to {MaxToken} letters, digits, '-' or '_', at random: 16 random bytes in hexadecimal, say; it has {token.Length} characters.", "token");
}
