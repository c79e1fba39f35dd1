using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;

namespace Latchwork.Api;

/// <summary>How bodies are read and written.</summary>
internal static class ApiJson
{
    private const int MaxDepth = 128;

    /// <summary>What is left in a body for what surrounds a payload, in bytes; of many posts, for each.</summary>
    private const int Surroundings = 64 << 10;

    /// <summary>Payloads stand some levels deep in an answer.</summary>
    private const int MaxPayloadDepth = MaxDepth - 8;

    private static readonly JsonDocumentOptions _documents = new() { MaxDepth = MaxPayloadDepth };

    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        AllowDuplicateProperties = false,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        MaxDepth = MaxDepth,
        NumberHandling = JsonNumberHandling.Strict,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    public static IResult Ok<T>(T value, int status = StatusCodes.Status200OK) => Results.Json(value, Options, statusCode: status);

    /// <summary>Reads the body of a request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="maxPayloadBytes">The largest payload.</param>
    /// <exception cref="ArgumentException">It is not what is asked for; the message says where.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext context, int maxPayloadBytes)
    {
        // In base64, or with every character of a text escaped, a payload is larger than its bytes.
        long limit = ((long)maxPayloadBytes * 2) + (Surroundings * (typeof(T) == typeof(PostManyBody) ? Limits.MaxBatch : 1));
        if (context.Request.ContentLength > limit) throw TooLarge(limit);
        if (context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = limit;
        try
        {
            return await JsonSerializer.DeserializeAsync<T>(context.Request.Body, Options, context.RequestAborted).ConfigureAwait(false)
                ?? throw Read.Bad("'body' must be a JSON object; it is null.", "body");
        }
        catch (JsonException e)
        {
            throw Read.Bad($"'body' is not what is asked for: {e.Message}", e.Path ?? "body", e);
        }
    }

    /// <summary>A payload as it is shown: JSON as JSON, anything else as base64.</summary>
    public static (JsonElement? Data, string? Base64) Show(ReadOnlyMemory<byte> payload)
    {
        if (payload.Length == 0) return (null, "");
        try
        {
            using JsonDocument document = JsonDocument.Parse(payload, _documents);
            // What can be parsed cannot always be written: half a surrogate pair in a text, say. One such payload must not spoil an answer.
            using var writer = new Utf8JsonWriter(Stream.Null, new JsonWriterOptions { MaxDepth = MaxPayloadDepth });
            document.RootElement.WriteTo(writer);
            return (document.RootElement.Clone(), null);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            return (null, Convert.ToBase64String(payload.Span));
        }
    }

    /// <summary>The bytes of a payload as it is sent: those of the JSON as it is written there, or of the base64; none if there is neither.</summary>
    /// <exception cref="ArgumentException">Both are given, or it is not base64.</exception>
    public static ReadOnlyMemory<byte> Bytes(JsonElement data, string? base64)
    {
        bool hasData = data.ValueKind != JsonValueKind.Undefined;
        if (hasData && base64 is not null) throw Read.Bad("'data' and 'dataBase64' exclude each other.", "dataBase64");
        if (hasData) return System.Text.Encoding.UTF8.GetBytes(data.GetRawText());
        try
        {
            return base64 is null ? ReadOnlyMemory<byte>.Empty : Convert.FromBase64String(base64);
        }
        catch (FormatException e)
        {
            throw Read.Bad("'dataBase64' is not base64.", "dataBase64", e);
        }
    }

    private static BadHttpRequestException TooLarge(long limit) =>
        new($"The body has more than {limit} bytes, the most that may be sent.", StatusCodes.Status413PayloadTooLarge);
}
