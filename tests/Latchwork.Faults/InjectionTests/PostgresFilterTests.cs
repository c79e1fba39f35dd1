using System.Buffers.Binary;
using System.Text;
using Latchwork.Faults.Injection;
using Shouldly;
using Xunit;

namespace Latchwork.Faults.InjectionTests;

public sealed class PostgresFilterTests
{
    private static readonly string _replies = Message('R', "\0\0\0\0") + Message('1', "") + Message('D', "AAAA\0\0\0\u0009A") + Message('Z', "I");
    private static readonly string _notification = Message('A', "\0\0\0\u0001latchwork\0p 0 41\0");

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Everything_passes_unchanged_however_it_is_cut(int piece) =>
        Pass(_notification + _replies + _notification + _replies, piece, dropsNotifications: false).ShouldBe(_notification + _replies + _notification + _replies);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Only_notifications_are_left_out(int piece) =>
        Pass(_notification + _replies + _notification + _notification + _replies, piece, dropsNotifications: true).ShouldBe(_replies + _replies);

    private static string Message(char type, string body)
    {
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, body.Length + 4);
        return type + Encoding.Latin1.GetString(length) + body;
    }

    private static string Pass(string text, int piece, bool dropsNotifications) =>
        NotificationFilterRun.Pass(new PostgresFilter { DropsNotifications = dropsNotifications }, text, piece);
}
