using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.StoreConformance.Timers;

/// <summary>Bytes come back identical on every attempt, and any text is a legal id, node, token or namespace.</summary>
public abstract class TimerContentSuite(StoreFixture fixture) : TimerSuite(fixture)
{
    private static readonly Dictionary<string, byte[]> _payloads = new()
    {
        ["empty"] = [],
        ["empty array"] = "[]"u8.ToArray(),
        ["empty object"] = "{}"u8.ToArray(),
        ["large numbers"] = "[12345678901234567890,1.10,1e400,0.1000000000000000055511151231257827]"u8.ToArray(),
        ["white space"] = " \r\n\t{ \"a\" : 1 }\r\n"u8.ToArray(),
        ["every byte"] = [.. Enumerable.Range(0, 256).Select(i => (byte)i)],
        ["no UTF-8"] = [0xC3, 0x28, 0xFF, 0xFE, 0x00, 0xED, 0xA0, 0x80],
        ["looks like a number"] = "1e15"u8.ToArray(),
        ["protocol"] = "$5\r\nhello\r\n*2\r\n:1\r\n"u8.ToArray(),
        ["a mebibyte"] = [.. Enumerable.Range(0, 1 << 20).Select(i => (byte)(i * 31))],
    };

    public static TheoryData<string> Payloads => [.. _payloads.Keys];

    public static TheoryData<string> Names =>
    [
        "}x", "{}", "{", "}", "{a}b", "%7B", "%", " ", "a b", "a\r\nb", "\0", ":", "a:b:c", "*", "?[", "1", "1e15", "-1", "nil", "true", "null", "\"", "\\",
        "\u00e9", "e\u0301", "\u65e5\u672c", "\U0001F600", "\uFFFD", "\u00AD", new string('x', 512), string.Concat(Enumerable.Repeat("\U0001F600", 128)),
    ];

    [Theory]
    [MemberData(nameof(Payloads))]
    public async Task A_payload_is_the_same_on_every_attempt(string what)
    {
        byte[] payload = _payloads[what];
        var entry = new TimerEntry("a", Due.In(TimeSpan.Zero), payload.ToArray(), 5, IfExists.Replace, null, IdIsNew: false);
        await PostAsync(entry);
        Same((await PeekAsync("a"))!.Payload);
        Same((await UpcomingAsync()).Single().Payload);

        await ReleaseAsync(await ClaimAsync());
        await ClaimAsync();
        Same((await PeekAsync("a"))!.Payload);
        Clock.Advance(Lease); // runs out
        await FailAsync(await ClaimAsync(), Ms(0));
        await FailAsync(await ClaimAsync(), null);
        Same((await DeadLettersAsync()).Single().Payload);
        await RequeueAsync(new DeadLetterKey("a", null), Due.In(TimeSpan.Zero));
        await ChangeDelayAsync("a", Due.In(TimeSpan.Zero));
        await ClaimAsync();

        async Task<DeliveryKey> ClaimAsync()
        {
            string token = NewToken();
            Same((await AskAsync("n1", token)).Events.Single().Payload);
            return new DeliveryKey("a", token);
        }

        void Same(ReadOnlyMemory<byte> actual) => actual.Span.SequenceEqual(payload).ShouldBeTrue($"{what}: {actual.Length} bytes of {payload.Length}");
    }

    [Fact]
    public async Task A_payload_is_copied_when_it_is_posted()
    {
        byte[] payload = [1, 2, 3];
        await PostAsync(new TimerEntry("a", Due.In(TimeSpan.Zero), payload, 0, IfExists.Replace, null, IdIsNew: false));
        Array.Clear(payload);
        (await AskAsync()).Events.Single().Payload.ToArray().ShouldBe([1, 2, 3]);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Any_text_is_an_id_a_node_and_a_token(string text)
    {
        TimerEntry[] entries = [Entry(text, 100, maxRetries: 1), Entry("other", 60_000)];
        (await PostAsync(entries)).ShouldBe([PostOutcome.Created, PostOutcome.Created]);
        (await PostAsync(text, 100, maxRetries: 1, IfExists.Keep)).ShouldBe(PostOutcome.Kept);
        (await ChangeDelayAsync(text, Due.In(Ms(50)))).ShouldBe(TimerOutcome.Done);
        (await UpcomingAsync(limit: 1)).Select(e => e.Id).ShouldBe([text, "other"]);

        Clock.Advance(Ms(50));
        (await AskAsync(text, text)).Events.Single().Id.ShouldBe(text);
        (await AskAsync(text, text)).Events.Single().Id.ShouldBe(text, "repeated");
        TimerSnapshot held = (await PeekAsync(text))!;
        (held.Id, held.Token, held.NodeId).ShouldBe((text, text, text));
        (await ExtendAsync(new DeliveryKey(text, text), Lease * 2)).ShouldBe(TimerOutcome.Done);
        (await ExtendAsync(new DeliveryKey(text, text + "x"), Lease)).ShouldBe(TimerOutcome.Stale);
        (await FailAsync(new DeliveryKey(text, text), Ms(0), text, node: text)).ShouldBe(TimerOutcome.Done);
        (await AskAsync(text, "second")).Events.Single().Id.ShouldBe(text);
        (await FailAsync(new DeliveryKey(text, "second"), null, node: text)).ShouldBe(TimerOutcome.DeadLettered);
        (await DeadLettersAsync()).Single().Failures.Select(f => f.NodeId).ShouldBe([text, text]);
        (await RequeueAsync(new DeadLetterKey(text, null), Due.In(Seconds(1)))).ShouldBe(TimerOutcome.Done);
        (await Timers.GetNodesAsync(Partition, CancellationToken.None)).Single().NodeId.ShouldBe(text);
        (await CancelAsync(text)).ShouldBe(TimerOutcome.Done);
        (await UpcomingAsync()).Select(e => e.Id).ShouldBe(["other"]);
    }

    [Theory]
    [InlineData("}x")]
    [InlineData("{}")]
    [InlineData("{a}")]
    [InlineData("%7D")]
    [InlineData("a b\n:")]
    [InlineData("\U0001F600")]
    public async Task Any_text_is_a_namespace(string text)
    {
        var partition = new TimerPartition(text + Partition.Namespace + text, 0);
        await Timers.OpenAsync(partition.Namespace, CancellationToken.None);
        await using NotificationRecorder notifications = await NotificationRecorder.ListenAsync(Timers, partition.Namespace, "n1");
        var request = new ClaimRequest("n1", "t", 10, 10, 0, Lease, KeepDeadLetters);
        await Timers.ClaimAsync(partition, request, CancellationToken.None);
        await Timers.PostAsync(partition, [Entry("a", 0)], CancellationToken.None);
        await notifications.DueAsync();
        (await Timers.ClaimAsync(partition, request with { ClaimToken = "u" }, CancellationToken.None)).Events.Single().Id.ShouldBe("a");
        (await Timers.ConfirmAsync(partition, [new DeliveryKey("a", "u")], CompletedLimits.None, CancellationToken.None)).ShouldBe([TimerOutcome.Done]);
    }

    [Fact]
    public async Task Headers_come_back_as_they_were()
    {
        var headers = new Dictionary<string, string>
        {
            ["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            [""] = "no name",
            ["no value"] = "",
            ["\u00e9 \U0001F600\0\r\n"] = "{}\"\\%",
            ["long"] = new string('h', 6_000),
        };
        await PostAsync(new TimerEntry("a", Due.In(TimeSpan.Zero), Bytes("x"), 1, IfExists.Replace, headers, IdIsNew: false));
        (await PeekAsync("a"))!.Headers.ShouldBe(headers, ignoreOrder: true);
        ClaimedEvent first = (await AskAsync()).Events.Single();
        first.Headers.ShouldBe(headers, ignoreOrder: true);
        first.Payload.ToArray().ShouldBe(Bytes("x"));
        Clock.Advance(Lease);
        (await AskAsync()).Events.Single().Headers.ShouldBe(headers, ignoreOrder: true);
    }
}
