using System.Reflection;
using Latchwork.Packages.Tests.Api;
using Latchwork.Packages.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Packages.Tests;

/// <summary>What others can use is recorded in api/, so that nobody changes it by accident.</summary>
public sealed class PublicApiTests
{
    private const string HowToRecord =
        "If that is meant, record it with 'LATCHWORK_RECORD_API=1 ./run-tests Packages --filter PublicApi', and say it in CHANGELOG.md.";

    public static TheoryData<string> Libraries => [.. Repository.Libraries];

    [Theory]
    [MemberData(nameof(Libraries))]
    public void The_public_API_is_the_recorded_one(string library)
    {
        string file = Repository.PathTo("api", library + ".txt");
        string now = ApiText.Of(Load(library));
        if (Environment.GetEnvironmentVariable("LATCHWORK_RECORD_API") is not (null or "" or "0"))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, now);
        }

        File.Exists(file).ShouldBeTrue($"api/{library}.txt is missing. {HowToRecord}");
        string recorded = File.ReadAllText(file).ReplaceLineEndings("\n");
        if (recorded == now) return;
        string changes = string.Join('\n', LineChanges.Between(recorded, now));
        Assert.Fail($"The public API of {library} is not the one in api/{library}.txt (- recorded, + now):\n{changes}\n{HowToRecord}");
    }

    [Fact]
    public void Nothing_is_recorded_that_is_not_a_package() =>
        Directory.EnumerateFiles(Repository.PathTo("api")).Select(file => Path.GetFileNameWithoutExtension(file))
            .ShouldBeSubsetOf(Repository.Libraries);

    /// <summary>Each is one more that a user has to know. A new one takes the place of another, or has a reason to raise the number.</summary>
    [Fact]
    public void The_core_has_at_most_72_types_that_are_not_experimental() =>
        File.ReadLines(Repository.PathTo("api", "Latchwork.txt")).Count(line => line.StartsWith("public ", StringComparison.Ordinal)).ShouldBeLessThanOrEqualTo(72);

    private static Assembly Load(string library)
    {
        string path = Path.Combine(AppContext.BaseDirectory, library + ".dll");
        File.Exists(path).ShouldBeTrue($"Refer to {library} in Latchwork.Packages.Tests.csproj.");
        return Assembly.LoadFrom(path);
    }
}
