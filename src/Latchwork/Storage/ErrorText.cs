using System.Text;

namespace Latchwork.Storage;

/// <summary>The part of a failure's text that stores keep.</summary>
internal static class ErrorText
{
    /// <summary>Cuts a text to <see cref="Limits.MaxErrorBytes"/> bytes of UTF-8, between two characters.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The text, or its beginning.</returns>
    public static string Clip(string text)
    {
        if (Encoding.UTF8.GetMaxByteCount(text.Length) <= Limits.MaxErrorBytes) return text;
        if (Encoding.UTF8.GetByteCount(text) <= Limits.MaxErrorBytes) return text;

        int bytes = 0;
        int length = 0;
        foreach (Rune rune in text.EnumerateRunes()) // a lone surrogate counts as the replacement character, as it will be encoded
        {
            bytes += rune.Utf8SequenceLength;
            if (bytes > Limits.MaxErrorBytes) break;
            length += rune.Utf16SequenceLength;
        }

        return text[..length];
    }
}
