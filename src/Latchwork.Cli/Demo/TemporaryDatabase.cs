using Latchwork.Cli.Commands;

namespace Latchwork.Cli.Demo;

/// <summary>A database in a folder of its own, which nobody else may read, and which goes when it is disposed.</summary>
internal sealed class TemporaryDatabase : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("latchwork-demo-");

    public string Address => StoreResolver.AddressOf(Path.Combine(_folder.FullName, "latchwork.db"));

    public void Dispose() => _folder.Delete(recursive: true);
}
