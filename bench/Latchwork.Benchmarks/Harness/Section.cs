namespace Latchwork.Benchmarks.Harness;

/// <summary>One kind of work, measured for all contenders in turn, and what was promised of it.</summary>
internal abstract class Section
{
    /// <summary>The name by which it is chosen, and the name of its file.</summary>
    public abstract string Name { get; }

    public abstract string Title { get; }

    /// <summary>What it measures and how, for a reader of the results: one or two sentences.</summary>
    public abstract string Explanation { get; }

    /// <summary>How long it takes in full, in seconds, as measured; a section that takes four times as long (and a minute) is ended.</summary>
    public abstract int FullSeconds { get; }

    /// <summary>Whether it runs only where it is named: for what takes too long to be run with the others.</summary>
    public virtual bool OnlyByName => false;

    public abstract Task RunAsync(Bench bench);

    /// <summary>What was promised, and what came of it.</summary>
    public virtual IEnumerable<Target> Judge(SectionResult result) => [];

    /// <summary>Whether more of a figure is better: of a rate it is; of times, sizes and counts less is.</summary>
    public virtual bool HigherIsBetter(Figure figure) => figure.Unit == "/s";

    /// <summary>The charts, by file name.</summary>
    public virtual IEnumerable<Rendering.Chart> Charts(SectionResult result) => [];
}

/// <summary>A promise.</summary>
/// <param name="Text">What was promised.</param>
/// <param name="Value">What was measured; null if it was not.</param>
/// <param name="Limit">The bound.</param>
/// <param name="AtLeast">Whether the value must not be below the bound; otherwise it must not be above.</param>
/// <param name="Unit">"×", "/s", "ms".</param>
internal sealed record Target(string Text, double? Value, double Limit, bool AtLeast, string Unit)
{
    public bool? Met => Value is not { } value ? null : AtLeast ? value >= Limit : value <= Limit;

    public static Target More(string text, double? value, double limit, string unit) => new(text, value, limit, true, unit);

    public static Target Less(string text, double? value, double limit, string unit) => new(text, value, limit, false, unit);
}
