using System.Xml.Linq;
using Xunit;

namespace Latchwork.Packages.Tests.Support;

/// <summary>
/// The packages of what is built already, in a temporary folder outside the repository, under a version that nothing else has. Projects made
/// here see this folder as a source of packages, and keep what they install from it here.
/// </summary>
public sealed class PackedPackages : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lw-packages-").FullName;

    /// <summary>The version of all packages.</summary>
    public string Version { get; } = $"0.1.0-test.t{Guid.NewGuid():N}";

    /// <summary>Where the packages are.</summary>
    public string Feed => Path.Combine(_folder, "feed");

    /// <summary>The file of a package.</summary>
    /// <param name="package">Its id.</param>
    /// <param name="extension"><c>nupkg</c> or <c>snupkg</c>.</param>
    public string PathOf(string package, string extension = "nupkg") => Path.Combine(Feed, $"{package}.{Version}.{extension}");

    /// <summary>What was said while they were packed.</summary>
    public string Output { get; private set; } = "";

    public async Task InitializeAsync() => Output = await DotnetAsync(
        Repository.Root, "pack", "Latchwork.slnx", "--no-build", "-c", Repository.Configuration,
        $"-p:Version={Version}", $"-p:PackageOutputPath={Feed}");

    public Task DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>Makes a folder for a project, in which only the packages here and those that the build has used can be installed.</summary>
    public string NewFolder(string name)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        Configure(folder, Path.Combine(_folder, "installed"), onlyThese: true);
        return folder;
    }

    /// <summary>Makes a folder that says nothing of packages.</summary>
    public string NewBareFolder(string name) => Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;

    /// <summary>
    /// Makes a folder for a project that needs packages which the build does not: they come from the machine's sources, and are kept.
    /// </summary>
    public string NewFolderWithSources(string name)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        Configure(folder, KeptPackages, onlyThese: false);
        return folder;
    }

    /// <summary>Forgets what was installed from here into the folder of kept packages.</summary>
    public void ForgetKept()
    {
        foreach (string package in Repository.Packages)
        {
            // NuGet names its folders in lower case.
            string installed = Path.Combine(KeptPackages, package.ToLowerInvariant(), Version);
            if (Directory.Exists(installed)) Directory.Delete(installed, recursive: true);
        }
    }

    /// <summary>Runs <c>dotnet</c>, which leaves no server of its own behind.</summary>
    internal static Task<string> DotnetAsync(string folder, string command, params string[] arguments) =>
        RunningProgram.RunAsync(
            folder, "dotnet", [command, .. arguments, "-nodeReuse:false", "-p:UseSharedCompilation=false", "--verbosity", "quiet", "-nologo"]);

    private static string KeptPackages => Repository.PathTo("artifacts", "test-packages");

    private void Configure(string folder, string packages, bool onlyThese)
    {
        XElement Add(string key, string value) => new("add", new XAttribute("key", key), new XAttribute("value", value));

        new XElement(
            "configuration",
            new XElement("config", Add("globalPackagesFolder", packages)),
            new XElement("packageSources", onlyThese ? new XElement("clear") : null, Add("packed", Feed)),
            new XElement("fallbackPackageFolders", new XElement("clear"), Add("build", Repository.PackageFolder)))
            .Save(Path.Combine(folder, "nuget.config"));
    }
}
