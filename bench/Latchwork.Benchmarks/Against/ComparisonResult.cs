using System.Text.Json.Serialization;
using Latchwork.Benchmarks.Harness;

namespace Latchwork.Benchmarks.Against;

/// <summary>What is known of a comparison, over or not.</summary>
internal sealed class ComparisonResult
{
    public required Revision Current { get; init; }

    public required Revision Against { get; init; }

    public required string Mode { get; init; }

    public required DateTimeOffset Started { get; init; }

    /// <summary>How often each build is to be measured.</summary>
    public required int Rounds { get; init; }

    public double Seconds { get; set; }

    /// <summary>Whether all rounds are over, all sections ran to their ends in them, and something can be compared.</summary>
    public bool Complete { get; set; }

    public IReadOnlyDictionary<string, string> Machine { get; set; } = new Dictionary<string, string>();

    public List<ComparedFigure> Figures { get; } = [];

    /// <summary>What went wrong, what one build lacks, and what a reader must know to judge.</summary>
    public List<string> Notes { get; } = [];

    [JsonIgnore]
    public IEnumerable<ComparedFigure> InBoth => Figures.Where(f => f is { Current: not null, Against: not null });

    /// <summary>Keeps what one build gave in one round.</summary>
    public void Add(Section section, bool current, int round, Measured measured)
    {
        if (current && Machine.Count == 0 && measured.Machine.Count > 0) Machine = About(measured.Machine);
        foreach ((string work, string who, string unit, double? at, double value) in measured.Figures)
        {
            // A figure whose unit has changed is another figure.
            ComparedFigure? figure = Figures.Find(f => f.Section == section.Name && f.Work == work && f.Who == who && f.Unit == unit && f.At == at);
            if (figure is null)
            {
                Figures.Add(figure = new ComparedFigure
                {
                    Section = section.Name,
                    Work = work,
                    Who = who,
                    Unit = unit,
                    At = at,
                    HigherIsBetter = section.HigherIsBetter(new Figure(work, who, unit, at, [value])),
                });
            }

            figure.Add(current, round, value);
        }
    }

    // What concerns both builds alike.
    private static Dictionary<string, string> About(IReadOnlyDictionary<string, string> machine) =>
        machine.Where(entry => entry.Key is "Processors" or "Memory" or "System" or ".NET" or "Redis").ToDictionary();
}
