using System.Formats.Tar;

namespace Latchwork.Benchmarks.Against;

/// <summary>What is to be known of the git ref and of this tree.</summary>
/// <param name="Name">How it is called in tables: "main", "current".</param>
/// <param name="Commit">The commit, shortened.</param>
/// <param name="Changed">Whether something under <c>src</c> or <c>bench</c> is not committed.</param>
internal sealed record Revision(string Name, string Commit, bool Changed)
{
    public override string ToString() => Name == Commit ? Name : $"{Name} ({Commit}{(Changed ? " with changes" : "")})";
}

/// <summary>The repository's history.</summary>
internal sealed class History(string root, CancellationToken cancellationToken)
{
    private static readonly string[] _measured = ["src", "bench"];

    public async Task<Revision> CurrentAsync()
    {
        Ended head = await GitAsync("rev-parse", "--short", "HEAD");
        if (head.ExitCode != 0) throw new ArgumentException($"--against needs a git repository with a commit; there is none in {root}: {head.Tail()}");
        return new Revision("current", head.Output.Trim(), (await GitAsync(["status", "--porcelain", "--", .. _measured])).Output.Length > 0);
    }

    /// <exception cref="ArgumentException">It is no git ref.</exception>
    public async Task<Revision> FindAsync(string reference)
    {
        Ended found = reference.StartsWith('-') ? new Ended(1, "", "") : await GitAsync("rev-parse", "--verify", "--quiet", $"{reference}^{{commit}}");
        if (found.ExitCode != 0) throw new ArgumentException($"--against needs a git ref; '{reference}' is none.");
        Ended brief = await GitAsync("rev-parse", "--short", found.Output.Trim());
        // A full hash is too wide for a table.
        return new Revision(reference.Length >= 40 ? brief.Output.Trim() : reference, brief.Output.Trim(), Changed: false);
    }

    /// <summary>The files under a path that differ between the ref and this tree.</summary>
    public async Task<IReadOnlyList<string>> DifferencesAsync(Revision reference, params string[] paths)
    {
        Ended changed = await GitAsync(["diff", "--name-only", reference.Commit, "--", .. paths]);
        Ended added = await GitAsync(["ls-files", "--others", "--exclude-standard", "--", .. paths]);
        if (changed.ExitCode != 0 || added.ExitCode != 0) throw new InvalidOperationException($"git does not say what differs from {reference.Name}: {changed.Tail()} {added.Tail()}");
        return [.. (changed.Output + added.Output).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }

    /// <summary>Writes the sources of the ref into the workplace. The clone and its list of worktrees stay as they are.</summary>
    public async Task UnpackAsync(Revision reference, Workplace workplace)
    {
        Ended archive = await GitAsync("archive", "--format=tar", $"--output={workplace.Archive}", reference.Commit);
        if (archive.ExitCode != 0) throw new InvalidOperationException($"git archive of {reference.Name} failed: {archive.Tail()}");
        Directory.CreateDirectory(workplace.Sources);
        await TarFile.ExtractToDirectoryAsync(workplace.Archive, workplace.Sources, overwriteFiles: false, cancellationToken);
        File.Delete(workplace.Archive);
    }

    // A look takes no lock that another git would have to wait for.
    private Task<Ended> GitAsync(params string[] words) =>
        Command.RunAsync("git", ["--no-optional-locks", "-C", root, .. words], root, new Dictionary<string, string>(), limit: null, cancellationToken);
}
