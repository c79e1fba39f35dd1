using Latchwork.Configuration;

namespace Latchwork;

/// <summary>The settings of the HTTP API. Policies are names of authorization policies of the application, beside what the group of endpoints requires.</summary>
public sealed class HttpApiOptions
{
    /// <summary>What each of them may be.</summary>
    internal static OptionSet<HttpApiOptions> Set { get; } = new OptionSet<HttpApiOptions>(static () => new())
        .Policy(nameof(ReadPolicy), static o => o.ReadPolicy, "none")
        .Policy(nameof(ChangePolicy), static o => o.ChangePolicy, "none: the API only reads")
        .Policy(nameof(PayloadPolicy), static o => o.PayloadPolicy, "none: shown in Development alone")
        .Duration(
            nameof(CompletedRetention), TimeSpan.FromSeconds(1), Limits.MaxDelay, static o => o.CompletedRetention, static (o, value) => o.CompletedRetention = value, orZero: true)
        .Bytes(nameof(MaxPayloadBytes), 1, 256 << 20, static o => o.MaxPayloadBytes, static (o, value) => o.MaxPayloadBytes = value)
        .Number(nameof(MaxWaiting), 1, MaxMaxWaiting, static o => o.MaxWaiting, static (o, value) => o.MaxWaiting = value);

    /// <summary>Who may read. Default: null, whoever passes the authorization of the group.</summary>
    public string? ReadPolicy { get; set; }

    /// <summary>Who may change: post, cancel, claim, confirm, lock, and so on. Default: null, nobody: the API is read-only.</summary>
    public string? ChangePolicy { get; set; }

    /// <summary>
    /// Who may see payloads, headers, results and errors. Default: null, nobody outside Development; what is listed is then listed without them, and
    /// claims of events and requests for keys, which give payloads and results, are refused.
    /// </summary>
    public string? PayloadPolicy { get; set; }

    /// <summary>
    /// How long what is confirmed through the API is kept as completed; with zero nothing is: zero, or 1 s to 100 years; default 100 years, which is until it is not among the last 10,000 of its
    /// namespace. An application that listens with a retention of its own (<see cref="TimerOptions.CompletedRetention"/>) deletes what is older than that; the API deletes nothing of
    /// an application's by age.
    /// </summary>
    public TimeSpan CompletedRetention { get; set; } = Limits.MaxDelay;

    /// <summary>The largest payload or result accepted, in bytes: 1 to 256 MiB; default 1 MiB.</summary>
    public int MaxPayloadBytes { get; set; } = Limits.DefaultMaxPayloadBytes;

    /// <summary>
    /// How many claims of events, and how many requests for keys, this process has under way at a time: 1 to 10,000 each; default 10,000. Whoever comes then
    /// is answered with 429 and <c>Retry-After</c>. A request for a key counts until the store has answered it and what nobody waited for any more is released.
    /// </summary>
    public int MaxWaiting { get; set; } = MaxMaxWaiting;

    internal const int MaxMaxWaiting = 10_000; // what the core lets wait for one namespace
}
