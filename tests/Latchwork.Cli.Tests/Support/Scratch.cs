using Latchwork.StoreConformance.Support;

namespace Latchwork.Cli.Tests.Support;

/// <summary>A folder in which commands leave traces.</summary>
public sealed class Scratch : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lw-").FullName;

    /// <summary>The path of a file in it.</summary>
    public string this[string name] => Path.Combine(_folder, name);

    /// <summary>Creates a file, for a command that waits for it.</summary>
    public void Create(string name) => File.WriteAllText(this[name], "");

    /// <summary>A script that waits for such a file.</summary>
    public string WaitFor(string name) => $"while [ ! -e {this[name]} ]; do sleep 0.05; done";

    public string[] Lines(string name) => File.Exists(this[name]) ? File.ReadAllLines(this[name]) : [];

    /// <summary>Waits until commands have written a number of lines.</summary>
    public Task<string[]> HasLinesAsync(string name, int count) => Eventually.ReadsAsync(
        () => Task.FromResult(Lines(name)), lines => lines.Length >= count, $"{count} lines in {name}");

    /// <summary>Waits until a process is gone. One that nobody has collected yet is gone too.</summary>
    public static Task IsGoneAsync(string processId) => Eventually.HoldsAsync(() => !IsAlive(processId), $"process {processId} is gone");

    public static bool IsAlive(string processId)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{processId}/stat");
            return stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false; // it went, perhaps while it was read
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
