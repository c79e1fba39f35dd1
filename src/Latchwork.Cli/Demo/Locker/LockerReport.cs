using System.Globalization;
using System.Text.Json;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo.Locker;

/// <summary>The summary at the end of the second act.</summary>
internal static class LockerReport
{
    /// <summary>Writes it for people.</summary>
    public static void Write(Action<string, Tone> line, LockerActResult result)
    {
        line("", Tone.Plain);
        line($"  {"key",-14}{"calls",7}{"runs",6}{"answered",10}", Tone.Dim);
        foreach (KeyResult key in result.Keys)
        {
            string counts = $"{Printable.Count(key.Answered + key.CutOff),7}{Printable.Count(key.Owners.Count),6}{Printable.Count(key.Answered),10}";
            line($"  {key.Key,-14}{counts}   {Note(key)}", Tone.Plain);
        }

        line("", Tone.Plain);
        if (result.Takeover is { } takeover)
        {
            string took = string.Create(CultureInfo.InvariantCulture, $"{takeover.TotalMilliseconds:0} ms");
            line($"  takeover: {took} from the kill to the next owner's first step, with a lease of {LockerPlan.Lease.TotalSeconds:0} s", Tone.Strong);
            line("", Tone.Plain);
        }

        DemoClaim.Write(line, result.Claims);
    }

    /// <summary>Writes the properties of the act.</summary>
    public static void WriteJson(Utf8JsonWriter json, LockerActResult result)
    {
        json.WriteStartArray("keys");
        foreach (KeyResult key in result.Keys)
        {
            json.WriteStartObject();
            json.WriteString("key", key.Key);
            json.WriteNumber("calls", key.Answered + key.CutOff);
            json.WriteNumber("runs", key.Owners.Count);
            json.WriteNumber("answered", key.Answered);
            json.WriteNumber("cutOff", key.CutOff);
            json.WriteBoolean("failed", key.Fate == KeyFate.Fails);
            json.WriteStartArray("owners");
            foreach (string owner in key.Owners) json.WriteStringValue(owner);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("killed", result.Victim);
        if (result.Takeover is { } takeover) json.WriteNumber("takeoverMs", Math.Round(takeover.TotalMilliseconds, 3));
        else json.WriteNull("takeoverMs");
        json.WriteNumber("laterCalls", result.Later.Asked);
        json.WriteNumber("laterRuns", result.Later.Runs);
        DemoClaim.WriteJson(json, result.Claims);
    }

    private static string Note(KeyResult key) => key.Fate switch
    {
        KeyFate.OwnerDies when key.Owners is [var first, ..] => $"{string.Join(", then ", key.Owners)}: {first} was killed, and {key.CutOff} callers with it",
        KeyFate.Fails => $"{string.Join(", then ", key.Owners)}: failed, for everybody",
        _ => string.Join(", then ", key.Owners),
    };
}
