using System.Text;

namespace Latchwork.Postgres;

/// <summary>Names of users as they are stored: text of PostgreSQL cannot hold every character, and is ordered by a collation.</summary>
internal static class Utf8
{
    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public static byte[][] Bytes(IReadOnlyList<string> texts)
    {
        var all = new byte[texts.Count][];
        for (int i = 0; i < all.Length; i++) all[i] = Bytes(texts[i]);
        return all;
    }

    public static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes);
}
