namespace Latchwork.Cli.Posting;

/// <summary>What became of a file of events.</summary>
internal sealed class PostSummary
{
    private readonly long[] _outcomes = new long[4];

    /// <summary>Events of which the store told what it did.</summary>
    public long Answered { get; private set; }

    /// <summary>Events that are in the store because of this run.</summary>
    public long Posted => this[PostOutcome.Created] + this[PostOutcome.Replaced];

    public TimeSpan Elapsed { get; set; }

    /// <summary>The first failure in order of lines; null if the whole file was posted.</summary>
    public CliException? Failure { get; set; }

    public long this[PostOutcome outcome] => _outcomes[(int)outcome];

    public void Add(PostOutcome outcome)
    {
        _outcomes[(int)outcome]++;
        Answered++;
    }
}
