using System.Buffers;
using System.Text;
using Latchwork.Faults.Injection;

namespace Latchwork.Faults.InjectionTests;

/// <summary>Sends text through a filter, one character a byte, in pieces as a network would cut it.</summary>
internal static class NotificationFilterRun
{
    public static string Pass(NotificationFilter filter, string text, int piece)
    {
        var output = new ArrayBufferWriter<byte>();
        byte[] bytes = Encoding.Latin1.GetBytes(text);
        for (int i = 0; i < bytes.Length; i += piece) filter.Pass(bytes.AsSpan(i, Math.Min(piece, bytes.Length - i)), output);
        return Encoding.Latin1.GetString(output.WrittenSpan);
    }
}
