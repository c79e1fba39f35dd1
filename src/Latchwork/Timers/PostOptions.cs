namespace Latchwork;

/// <summary>How one event is posted.</summary>
public sealed record PostOptions
{
    /// <summary>The event's id: 1 to 512 bytes of UTF-8. Default: null, a UUIDv7 is generated.</summary>
    public string? Id { get; init; }

    /// <summary>The attempts after the first: 0 to 1,000,000. Default: null, as in <see cref="TimerOptions.MaxRetries"/>.</summary>
    public int? MaxRetries { get; init; }

    /// <summary>What to do if the id is scheduled or in flight. Default: <see cref="IfExists.Replace"/>.</summary>
    public IfExists IfExists { get; init; }

    /// <summary>Names and values that travel with the event: at most 8 KiB together. Default: null, none.</summary>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }
}
