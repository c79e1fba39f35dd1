using System.Text.Json;

namespace Latchwork.Cli.Demo;

/// <summary>Something that the demo says of itself, and whether it is so.</summary>
/// <param name="Text">The claim.</param>
/// <param name="Problems">What speaks against it; empty if it holds.</param>
/// <param name="IsOfTime">Whether a machine that is too slow can break it, with nothing wrong.</param>
internal sealed record DemoClaim(string Text, IReadOnlyList<string> Problems, bool IsOfTime = false)
{
    private const int ShownProblems = 5;

    public bool Holds => Problems.Count == 0;

    /// <summary>Writes claims for people.</summary>
    public static void Write(Action<string, Tone> line, IReadOnlyList<DemoClaim> claims)
    {
        line("  checked against the demo's own records:", Tone.Strong);
        foreach (DemoClaim claim in claims)
        {
            line($"  {(claim.Holds ? "✓" : "✗")} {claim.Text}", claim.Holds ? Tone.Good : Tone.Bad);
            foreach (string problem in claim.Problems.Take(ShownProblems)) line($"      {problem}", Tone.Bad);
            if (claim.Problems.Count > ShownProblems) line($"      and {claim.Problems.Count - ShownProblems} more", Tone.Bad);
        }
    }

    /// <summary>Writes claims as the property <c>claims</c>.</summary>
    public static void WriteJson(Utf8JsonWriter json, IReadOnlyList<DemoClaim> claims)
    {
        json.WriteStartArray("claims");
        foreach (DemoClaim claim in claims)
        {
            json.WriteStartObject();
            json.WriteString("claim", claim.Text);
            json.WriteBoolean("holds", claim.Holds);
            if (claim.IsOfTime) json.WriteBoolean("ofTime", true);
            if (!claim.Holds) json.WriteString("problem", claim.Problems[0]);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
