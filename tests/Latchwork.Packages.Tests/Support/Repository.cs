using System.Reflection;
using System.Runtime.CompilerServices;

namespace Latchwork.Packages.Tests.Support;

/// <summary>Where things are in the repository, and how it was built.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>The configuration in which this project, and with it the packages, was built.</summary>
    public static string Configuration { get; } = Metadata("Configuration");

    /// <summary>The folder of packages from which the build took what it uses.</summary>
    public static string PackageFolder { get; } = Metadata("PackageFolder");

    /// <summary>The names of all packages, the tools included.</summary>
    public static IReadOnlyList<string> Packages { get; } =
    [
        .. Directory.EnumerateDirectories(Path.Combine(Root, "src")).Where(HasProject)
            .Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal),
    ];

    /// <summary>The names of the packages that are .NET tools.</summary>
    public static IReadOnlyList<string> Tools { get; } =
        [.. Packages.Where(package => File.ReadAllText(Path.Combine(Root, "src", package, package + ".csproj")).Contains("<PackAsTool>true</PackAsTool>", StringComparison.Ordinal))];

    /// <summary>The names of the packages that programs refer to.</summary>
    public static IReadOnlyList<string> Libraries { get; } = [.. Packages.Except(Tools)];

    public static string PathTo(params string[] parts) => Path.Combine([Root, .. parts]);

    private static bool HasProject(string folder) => File.Exists(Path.Combine(folder, Path.GetFileName(folder) + ".csproj"));

    private static string Metadata(string key) =>
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;

    private static string FindRoot([CallerFilePath] string file = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", "..", ".."));
}
