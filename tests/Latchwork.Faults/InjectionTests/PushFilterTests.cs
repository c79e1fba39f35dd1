using Latchwork.Faults.Injection;
using Shouldly;
using Xunit;

namespace Latchwork.Faults.InjectionTests;

public sealed class PushFilterTests
{
    private const string Replies =
        "+OK\r\n:12\r\n$5\r\n>ab\r\n\r\n$-1\r\n$0\r\n\r\n*2\r\n$1\r\na\r\n*0\r\n%1\r\n$1\r\nk\r\n*1\r\n:1\r\n_\r\n,1.5\r\n#t\r\n-ERR no\r\n"
        + "=7\r\ntxt:a\r\n\r\n|1\r\n+ttl\r\n:3\r\n*1\r\n:9\r\n~1\r\n+x\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";

    private const string Notification = ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$10\r\n+a\r\n>3\r\n*1\r\n";
    private const string Sharded = ">3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$0\r\n\r\n";

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Everything_passes_unchanged_however_it_is_cut(int piece) =>
        Pass(Notification + Replies + Sharded + Replies, piece, dropsNotifications: false).ShouldBe(Notification + Replies + Sharded + Replies);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Only_notifications_are_left_out(int piece) =>
        Pass(Notification + Replies + Sharded + Notification + Replies, piece, dropsNotifications: true).ShouldBe(Replies + Replies);

    private static string Pass(string text, int piece, bool dropsNotifications) =>
        NotificationFilterRun.Pass(new PushFilter { DropsNotifications = dropsNotifications }, text, piece);
}
