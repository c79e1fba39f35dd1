using System.Buffers.Binary;
using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text;
using System.Xml.Linq;
using Latchwork.Packages.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Packages.Tests;

/// <summary>What is in each package.</summary>
[Collection(PackedCollection.Name)]
public sealed class PackageContentTests(PackedPackages packed)
{
    private static readonly Guid _embeddedSource = new("0E8A571B-6926-466E-B4AD-8AB04611F5FE");

    public static TheoryData<string> Packages => [.. Repository.Packages];

    public static TheoryData<string> Tools => [.. Repository.Tools];

    [Fact]
    public void Every_project_in_src_is_a_package_and_nothing_else_is() =>
        Directory.EnumerateFiles(packed.Feed).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)
            .ShouldBe(Repository.Packages.SelectMany(package => new[] { packed.PathOf(package), packed.PathOf(package, "snupkg") })
                .Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Packages))]
    public void It_says_what_it_is(string package)
    {
        using ZipArchive archive = ZipFile.OpenRead(packed.PathOf(package));
        XElement metadata = Metadata(archive, package);

        Text(metadata, "id").ShouldBe(package);
        Text(metadata, "version").ShouldBe(packed.Version);
        Text(metadata, "license").ShouldBe("MIT");
        Text(metadata, "authors").ShouldNotBeNullOrWhiteSpace();
        Text(metadata, "copyright").ShouldNotBeNullOrWhiteSpace();
        // What is said when nothing is said.
        Text(metadata, "description").ShouldNotBe("Package Description");
        Text(metadata, "description")!.Length.ShouldBeInRange(40, 300);
        Text(metadata, "tags")!.Split(' ').ShouldContain("timers");
        Text(metadata, "releaseNotes")!.Length.ShouldBeInRange(40, 2000);
    }

    [Theory]
    [MemberData(nameof(Packages))]
    public void It_carries_a_readme_of_its_own_and_the_icon(string package)
    {
        using ZipArchive archive = ZipFile.OpenRead(packed.PathOf(package));
        XElement metadata = Metadata(archive, package);

        Text(metadata, "readme").ShouldBe("README.md");
        byte[] readme = Bytes(archive, "README.md");
        readme.ShouldBe(File.ReadAllBytes(Repository.PathTo("src", package, "README.md")));
        Encoding.UTF8.GetString(readme).ShouldNotContain("](", Case.Sensitive, "a package page cannot follow links into the repository");
        Text(metadata, "icon").ShouldBe("icon.png");
        byte[] icon = Bytes(archive, "icon.png");
        icon[..8].ShouldBe([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        BinaryPrimitives.ReadInt32BigEndian(icon.AsSpan(16)).ShouldBe(128);
        BinaryPrimitives.ReadInt32BigEndian(icon.AsSpan(20)).ShouldBe(128);
    }

    [Theory]
    [MemberData(nameof(Packages))]
    public void It_holds_its_assembly_with_documentation_and_has_symbols(string package)
    {
        using ZipArchive archive = ZipFile.OpenRead(packed.PathOf(package));
        using ZipArchive symbols = ZipFile.OpenRead(packed.PathOf(package, "snupkg"));
        bool isTool = Repository.Tools.Contains(package);
        string folder = isTool ? "tools/net10.0/any" : "lib/net10.0";
        if (!isTool) archive.GetEntry($"{folder}/{package}.xml").ShouldNotBeNull();

        using var assembly = new PEReader(new MemoryStream(Bytes(archive, $"{folder}/{package}.dll")));
        CodeViewDebugDirectoryData wanted = assembly.ReadCodeViewDebugDirectoryData(
            assembly.ReadDebugDirectory().First(entry => entry.Type == DebugDirectoryEntryType.CodeView));
        using var provider = MetadataReaderProvider.FromPortablePdbStream(new MemoryStream(Bytes(symbols, $"{folder}/{package}.pdb")));
        MetadataReader reader = provider.GetMetadataReader();
        new BlobContentId(reader.DebugMetadataHeader!.Id).Guid.ShouldBe(wanted.Guid);

        // What a build makes is in no repository that source link could lead to, so it is in the symbols. Only git knows what that is.
        if (!Metadata(archive, package).Elements().Any(element => element.Name.LocalName == "repository")) return;
        DocumentHandle[] generated =
            [.. reader.Documents.Where(document => Name(reader, document).EndsWith(".AssemblyInfo.cs", StringComparison.Ordinal))];
        generated.ShouldNotBeEmpty();
        generated.ShouldAllBe(document => IsEmbedded(reader, document));
    }

    [Theory]
    [InlineData("Latchwork.Redis")]
    [InlineData("Latchwork.Postgres")]
    [InlineData("Latchwork.Sqlite")]
    [InlineData("Latchwork.Testing")]
    public void It_brings_the_core_of_its_own_version(string package)
    {
        using ZipArchive archive = ZipFile.OpenRead(packed.PathOf(package));
        XElement[] dependencies = [.. Metadata(archive, package).Descendants().Where(element => element.Name.LocalName == "dependency")];

        dependencies.Single(element => element.Attribute("id")!.Value == "Latchwork").Attribute("version")!.Value.ShouldBe(packed.Version);
    }

    [Theory]
    [InlineData("Latchwork.Cli", "latchwork")]
    [InlineData("Latchwork.Server", "latchwork-server")]
    public void A_tool_is_its_command(string package, string command)
    {
        using ZipArchive archive = ZipFile.OpenRead(packed.PathOf(package));
        XElement settings = XElement.Load(new MemoryStream(Bytes(archive, "tools/net10.0/any/DotnetToolSettings.xml")));

        settings.Descendants("Command").Single().Attribute("Name")!.Value.ShouldBe(command);
    }

    [Theory]
    [MemberData(nameof(Tools))]
    public void A_tool_carries_SQLite_for_the_platforms_of_the_SDK_alone(string package)
    {
        using ZipArchive archive = ZipFile.OpenRead(packed.PathOf(package));
        string[] platforms = [.. archive.Entries.Select(entry => entry.FullName.Split('/')).Where(path => path[^1].Contains("e_sqlite3.", StringComparison.Ordinal) && path[^2] == "native").Select(path => path[^3])];

        platforms.Order(StringComparer.Ordinal).ShouldBe(
            ["linux-arm", "linux-arm64", "linux-musl-arm", "linux-musl-arm64", "linux-musl-x64", "linux-x64", "osx-arm64", "osx-x64", "win-arm64", "win-x64"]);
        new FileInfo(packed.PathOf(package)).Length.ShouldBeLessThan(12_000_000);
    }

    [Fact]
    public void Packing_warns_of_nothing() => packed.Output.ShouldNotContain("warn", Case.Insensitive);

    private static XElement Metadata(ZipArchive archive, string package) =>
        XElement.Load(new MemoryStream(Bytes(archive, package + ".nuspec"))).Elements().First(element => element.Name.LocalName == "metadata");

    private static string? Text(XElement metadata, string name) =>
        metadata.Elements().FirstOrDefault(element => element.Name.LocalName == name)?.Value;

    private static byte[] Bytes(ZipArchive archive, string path)
    {
        ZipArchiveEntry entry = archive.GetEntry(path).ShouldNotBeNull($"{path} is missing among {string.Join(", ", archive.Entries)}");
        using Stream stream = entry.Open();
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static string Name(MetadataReader reader, DocumentHandle document) => reader.GetString(reader.GetDocument(document).Name);

    private static bool IsEmbedded(MetadataReader reader, DocumentHandle document) => reader.GetCustomDebugInformation(document)
        .Any(handle => reader.GetGuid(reader.GetCustomDebugInformation(handle).Kind) == _embeddedSource);
}
