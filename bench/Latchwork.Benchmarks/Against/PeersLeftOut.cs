namespace Latchwork.Benchmarks.Against;

/// <summary>
/// The peers are the same beside each build, and take most of the time. The benchmark of an old ref has no option that leaves them out; so a
/// program named <c>node</c> stands in for them, which lets them begin and fails every piece of work at once.
/// </summary>
internal static class PeersLeftOut
{
    private const string Reason = "The peers are left out where two builds are compared.";

    private const string Script = $$"""
        #!/bin/sh
        if [ "$1" = --version ]; then echo unused; exit; fi
        echo '{"ready":1}'
        while IFS= read -r line; do
          case $line in
            *'"do":"open"'*) echo '{}' ;;
            *) echo '{"error":"{{Reason}}"}' ;;
          esac
        done

        """;

    /// <summary>Writes the program into a folder, which is to come first in the PATH of a benchmark.</summary>
    public static void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, "node");
        File.WriteAllText(path, Script.ReplaceLineEndings("\n"));
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Whether a note of a benchmark says no more than that.</summary>
    public static bool IsNote(string note) => note.Contains(Reason, StringComparison.Ordinal);
}
