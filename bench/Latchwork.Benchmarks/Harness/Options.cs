using System.Globalization;

namespace Latchwork.Benchmarks.Harness;

/// <summary>What <c>bench/run</c> was told.</summary>
internal sealed class Options
{
    public const string Usage = """
        bench/run [SECTION …] [--quick] [--only SECTION,…] [--rounds N] [--pending N] [--stored N] [--events N] [--out DIR]
        bench/run --against REF [the same]
                                         this tree and the git ref REF in turn, without the peers, and the ratio of each figure
        bench/run --list                 the sections, and how long each takes
        bench/run --render DIR           tables and charts of the last results, for the docs
          --quick      a few seconds a section: to see that it works, not to quote
          --rounds     how often each contender has its turn (3; quick: 1), or each of two builds (3)
          --pending    how many events the section 'pending' grows to (10,000,000; quick: 200,000)
          --stored     how many events the section 'sqlite' stores first (1,000,000; quick: 20,000)
          --events     how many events the section 'postgres-bloat' passes through (10,000,000; quick: 50,000)
          --out        where results are kept (artifacts/bench; with --against artifacts/bench-against)
        """;

    public bool Quick { get; private set; }

    public bool List { get; private set; }

    public string? Render { get; private set; }

    /// <summary>The git ref whose build is measured in turn with that of this tree.</summary>
    public string? Against { get; private set; }

    public IReadOnlyList<string> Only { get; private set; } = [];

    public int Rounds { get; private set; }

    public long Pending { get; private set; }

    public long Stored { get; private set; }

    /// <summary>How many events the section <c>postgres-bloat</c> passes through.</summary>
    public long Events { get; private set; }

    public string Out { get; private set; } = "";

    /// <summary>How long a closed loop runs, in seconds.</summary>
    public double Seconds => Quick ? 0.5 : 2;

    public string Mode => Quick ? "quick" : "full";

    /// <exception cref="ArgumentException">It cannot be understood.</exception>
    public static Options Parse(ReadOnlySpan<string> words)
    {
        var options = new Options();
        for (int i = 0; i < words.Length; i++)
        {
            string word = words[i];
            if (word is "--help" or "-h") throw new ArgumentException(Usage);
            if (word is "--quick") options.Quick = true;
            else if (word is "--list") options.List = true;
            else if (!word.StartsWith('-')) options.Only = [.. options.Only, word];
            else if (word is "--against" && i + 1 == words.Length) throw new ArgumentException("--against needs a git ref; there is none after it.");
            else if (i + 1 == words.Length) throw new ArgumentException($"'{word}' is no option, or lacks its value.\n{Usage}");
            else options.Set(word, words[++i]);
        }

        if (options is { Against: not null, Render: not null }) throw new ArgumentException("--against measures, --render does not: give one of them.");
        if (options.Rounds == 0) options.Rounds = options.Quick && options.Against is null ? 1 : 3;
        if (options.Pending == 0) options.Pending = options.Quick ? 200_000 : 10_000_000;
        if (options.Stored == 0) options.Stored = options.Quick ? 20_000 : 1_000_000;
        if (options.Events == 0) options.Events = options.Quick ? 50_000 : 10_000_000;
        if (options.Out.Length == 0) options.Out = Path.Combine("artifacts", options.Against is null ? "bench" : "bench-against");
        return options;
    }

    private void Set(string name, string value)
    {
        switch (name)
        {
            case "--only": Only = [.. Only, .. value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)]; break;
            case "--rounds": Rounds = (int)Number(name, value, 100); break;
            case "--pending": Pending = Number(name, value, 100_000_000); break;
            case "--stored": Stored = Number(name, value, 100_000_000); break;
            case "--events": Events = Number(name, value, 1_000_000_000); break;
            case "--out": Out = value; break;
            case "--render": Render = value; break;
            case "--against": Against = value; break;
            default: throw new ArgumentException($"'{name}' is no option.\n{Usage}");
        }
    }

    private static long Number(string name, string value, long most) =>
        long.TryParse(value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out long number) && number >= 1 && number <= most
            ? number
            : throw new ArgumentException($"{name} must be a whole number from 1 to {most:N0}; it is '{value}'.");
}
