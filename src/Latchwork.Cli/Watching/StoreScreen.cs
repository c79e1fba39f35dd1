using System.Text.Json;
using Latchwork.Monitoring;

namespace Latchwork.Cli.Watching;

/// <summary>The store as lines and as JSON.</summary>
internal static class StoreScreen
{
    public static IEnumerable<ScreenLine> Lines(StoreState store)
    {
        yield return new(Printable.OneLine(store.Description));
        if (store.UnavailableSince is { } since) yield return new(Printable.OneLine($"THE STORE HAS NOT ANSWERED SINCE {Printable.Moment(since)}: {store.LastError}"), Severity.Critical);
        foreach (StoreWarning warning in store.Warnings) yield return new(Printable.OneLine($"warning: {warning.Message}"), Severity.Warning);
    }

    public static void Write(Utf8JsonWriter json, StoreState store)
    {
        json.WriteString("store", store.Description);
        json.WriteBoolean("answers", store.IsAnswering);
        if (store.UnavailableSince is { } since) json.WriteString("unavailableSince", since.UtcDateTime);
        if (store.LastError is { } error) json.WriteString("error", error);
        json.WriteStartArray("storeWarnings");
        foreach (StoreWarning warning in store.Warnings) json.WriteStringValue(warning.Code);
        json.WriteEndArray();
    }
}
