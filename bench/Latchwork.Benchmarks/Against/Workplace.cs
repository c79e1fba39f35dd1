namespace Latchwork.Benchmarks.Against;

/// <summary>A folder for all that a comparison leaves behind: both builds, their results, the servers' files. Disposing it deletes it.</summary>
internal sealed class Workplace : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("latchwork-against-").FullName;

    public Workplace()
    {
        Directory.CreateDirectory(Temporary);
        PeersLeftOut.Write(Peers);
    }

    /// <summary>The sources of the git ref.</summary>
    public string Sources => Path.Combine(_root, "ref");

    /// <summary>The program of this tree as it was at the start: what is built meanwhile does not get between.</summary>
    public string Current => Path.Combine(_root, "current");

    /// <summary>The results of one run of a benchmark.</summary>
    public string Results => Path.Combine(_root, "results");

    public string Archive => Path.Combine(_root, "ref.tar");

    /// <summary>What stands in for the peers.</summary>
    public string Peers => Path.Combine(_root, "peers");

    /// <summary>Where the benchmarks have their temporary files, so that nothing is left of one that was killed.</summary>
    public string Temporary => Path.Combine(_root, "tmp");

    public static void Copy(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    public void Dispose()
    {
        // A process that was killed a moment ago may still have written a file while the folder was being emptied.
        for (int attempt = 1; Directory.Exists(_root); attempt++)
        {
            try
            {
                Directory.Delete(_root, recursive: true);
            }
            catch (IOException) when (attempt < 20)
            {
                Thread.Sleep(100);
            }
        }
    }
}
