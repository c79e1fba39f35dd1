using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Latchwork.Cli.Demo;

/// <summary>The first line to a node. The address may hold a password, so it is no argument of the process.</summary>
internal sealed record NodeStart(string Name, string Namespace, string Store);

/// <summary>An order to a node.</summary>
internal enum NodeOrder
{
    EndBurst, // handlers of burst events may end
    Ask, // all callers are to ask for the key
    EndRun, // the work for the key may end
    Leave,
}

/// <summary>What a node did.</summary>
internal enum NodeAct
{
    Ready,
    Began, // a handler was called
    Deciding, // it is about to confirm or reject
    Ended,
    Asked, // all callers have asked for the key
    Answered, // one of them has its answer
    RunBegan, // the work for the key was called
    RunEnded,
}

/// <summary>How an attempt or a run ended.</summary>
internal enum AttemptEnd
{
    Abandoned, // its lease was lost, it was stopped, or the store did not answer
    Accepted, // the store accepted the confirmation or rejection; the work was done
    Refused, // the store did not
    Failed, // it threw, as planned
}

/// <summary>What a node did, reported before it does the next thing.</summary>
/// <param name="Act">What it did.</param>
/// <param name="Id">The event.</param>
/// <param name="Token">The delivery's token, or the fencing token.</param>
/// <param name="At">A timestamp of the machine's monotonic clock, which its processes share. At an end: when the lease was seen to be held last.</param>
internal sealed record NodeReport(NodeAct Act, string Id = "", string Token = "", long At = 0)
{
    /// <summary>How late the delivery was, by the store's clock.</summary>
    public double LatenessMs { get; init; }

    public AttemptEnd End { get; init; }

    /// <summary>The payload that came, or the result that a caller got.</summary>
    public string? Text { get; init; }

    /// <summary>What a caller got instead of a result.</summary>
    public string? Problem { get; init; }

    public bool IsTimeout { get; init; }
}

/// <summary>How messages are written, one JSON object a line, and the result of the demo.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(NodeStart))]
[JsonSerializable(typeof(NodeOrder))]
[JsonSerializable(typeof(NodeReport))]
[JsonSerializable(typeof(TimerSummary))]
[JsonSerializable(typeof(LockerSummary))]
internal sealed partial class DemoJson : JsonSerializerContext
{
    public static byte[] Line<T>(T message, JsonTypeInfo<T> type) => Encoding.UTF8.GetBytes(JsonSerializer.Serialize(message, type) + "\n");
}
