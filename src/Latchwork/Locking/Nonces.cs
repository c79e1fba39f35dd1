using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;

namespace Latchwork.Locking;

/// <summary>Makes nonces: 96 random bits of this process, and a count. Nobody else has one of them, ever, and they cost no randomness each.</summary>
internal static class Nonces
{
    private static readonly string _process = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(12));
    private static long _last;

    public static string Next() => string.Create(CultureInfo.InvariantCulture, $"{_process}{Interlocked.Increment(ref _last):x}");
}
