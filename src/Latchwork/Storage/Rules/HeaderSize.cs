using System.Text;

namespace Latchwork.Storage.Rules;

/// <summary>How much the headers of an event count.</summary>
internal static class HeaderSize
{
    /// <summary>What each header counts beside its name and its value.</summary>
    public const int Overhead = 2;

    /// <summary>Whether headers that are valid one by one are within the limit together.</summary>
    public static bool Fits(Dictionary<string, string> headers) =>
        headers.Sum(one => (long)Encoding.UTF8.GetByteCount(one.Key) + Encoding.UTF8.GetByteCount(one.Value) + Overhead) <= Limits.MaxHeaderBytes;
}
