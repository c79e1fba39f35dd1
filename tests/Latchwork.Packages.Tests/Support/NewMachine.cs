using System.Xml.Linq;

namespace Latchwork.Packages.Tests.Support;

/// <summary>
/// A home as on a machine that has the SDK and nothing else: no package was ever installed, and the packages of others come from one source. That
/// source is the folder from which the build took what it uses, so nothing is downloaded.
/// </summary>
internal sealed class NewMachine
{
    private readonly Dictionary<string, string> _environment;

    public NewMachine(string home)
    {
        Home = Directory.CreateDirectory(home).FullName;
        _environment = new() { ["HOME"] = Home, ["DOTNET_CLI_HOME"] = Home, ["DOTNET_GENERATE_ASPNET_CERTIFICATE"] = "false", ["DOTNET_ADD_GLOBAL_TOOLS_TO_PATH"] = "false" };
        string configuration = Path.Combine(Home, ".nuget", "NuGet", "NuGet.Config");
        Directory.CreateDirectory(Path.GetDirectoryName(configuration)!);
        XElement source = new("add", new XAttribute("key", "nuget.org"), new XAttribute("value", Repository.PackageFolder));
        new XElement("configuration", new XElement("packageSources", source)).Save(configuration);
    }

    public string Home { get; }

    /// <summary>Runs a line in a shell, as if it had been typed.</summary>
    public Task<string> TypeAsync(string folder, string line) => RunningProgram.RunAsync(folder, _environment, "bash", "-c", line);

    /// <summary>Starts a program of this machine.</summary>
    public RunningProgram Start(string folder, string program, params string[] arguments) => RunningProgram.Start(folder, _environment, program, arguments);
}
