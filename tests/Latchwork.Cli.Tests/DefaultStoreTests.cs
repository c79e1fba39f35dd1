using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>Which database a command uses, and what it says when it cannot.</summary>
public sealed class DefaultStoreTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Without_a_store_it_is_a_file_in_the_users_own_folder()
    {
        string home = _scratch["home"];
        (await RunAsync(home, null, "timer", "post", "--id", "x", "--in", "1h")).ExitCode.ShouldBe(ExitCodes.Done);
        (await RunAsync(home, "  ", "timer", "peek", "x")).ExitCode.ShouldBe(ExitCodes.Done);
        string folder = Path.Combine(home, "latchwork");
        File.Exists(Path.Combine(folder, "latchwork.db")).ShouldBeTrue();
        if (!OperatingSystem.IsWindows()) File.GetUnixFileMode(folder).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    [Fact]
    public async Task The_help_names_the_default()
    {
        (await RunAsync(_scratch["home"], null, "--help")).Out.ShouldContain($"sqlite:{Path.Combine(_scratch["home"], "latchwork", "latchwork.db")}");
        File.Exists(_scratch["home"]).ShouldBeFalse();
    }

    [Fact]
    public async Task An_option_and_the_variable_go_before_the_default()
    {
        string home = _scratch["home"];
        (await RunAsync(home, "memory:", "timer", "post", "--id", "x", "--in", "1h")).ExitCode.ShouldBe(ExitCodes.Done);
        (await RunAsync(home, "memory:", "timer", "post", "--id", "y", "--in", "1h", "--store", $"sqlite:{_scratch["a.db"]}")).ExitCode.ShouldBe(ExitCodes.Done);
        Directory.Exists(home).ShouldBeFalse();
        (await RunAsync(home, $"sqlite:{_scratch["a.db"]}", "timer", "peek", "y")).ExitCode.ShouldBe(ExitCodes.Done);
    }

    [Fact]
    public async Task An_empty_store_is_no_other_store()
    {
        CliResult result = await RunAsync(_scratch["home"], null, "timer", "stats", "--store", "");
        result.ExitCode.ShouldBe(ExitCodes.BadInput);
        result.Error.ShouldContain("'--store' is empty");
    }

    [Theory]
    [InlineData("sqlite:{0}")]
    [InlineData("SQLite:{0}")]
    [InlineData("sqlite://{0}")]
    public async Task A_path_is_taken_as_it_is(string form)
    {
        string path = _scratch["a file with spaces, é and %20?.db"];
        string store = string.Format(System.Globalization.CultureInfo.InvariantCulture, form, path);
        CliResult result = await RunAsync(null, null, "timer", "post", "--in", "1h", "--store", store);
        result.ExitCode.ShouldBe(ExitCodes.Done, result.Error);
        File.Exists(path).ShouldBeTrue();
    }

    [Fact]
    public async Task A_path_may_be_relative_to_the_current_folder()
    {
        string path = Path.GetRelativePath(Environment.CurrentDirectory, _scratch["x.db"]);
        (await RunAsync(null, $"sqlite:{path}", "timer", "stats")).ExitCode.ShouldBe(ExitCodes.Done);
        File.Exists(_scratch["x.db"]).ShouldBeTrue();
    }

    [Fact]
    public async Task What_cannot_be_opened_is_a_failure_in_one_line_that_says_what_to_do()
    {
        await FailsAsync(_scratch["no folder/x.db"], "does not exist. Make it, or choose another path.");
        Directory.CreateDirectory(_scratch["folder"]);
        await FailsAsync(_scratch["folder"], "is a folder");
        await File.WriteAllTextAsync(_scratch["letter.txt"], new string('x', 10_000));
        await FailsAsync(_scratch["letter.txt"], "is not an SQLite database");
        (await File.ReadAllTextAsync(_scratch["letter.txt"])).ShouldBe(new string('x', 10_000));
    }

    [Fact]
    public async Task A_data_folder_that_cannot_be_made_is_a_failure_in_one_line()
    {
        await File.WriteAllTextAsync(_scratch["file"], "");
        CliResult result = await RunAsync(_scratch["file"], null, "timer", "stats");
        result.ExitCode.ShouldBe(ExitCodes.Failure);
        result.Error.ShouldContain("of the default database cannot be made");
        result.Error.Count(c => c == '\n').ShouldBe(1);
    }

    private static async Task FailsAsync(string path, string message)
    {
        CliResult result = await RunAsync(null, null, "timer", "stats", "--store", $"sqlite:{path}");
        result.ExitCode.ShouldBe(ExitCodes.Failure);
        result.Out.ShouldBeEmpty();
        result.Error.ShouldContain(message);
        result.Error.Count(c => c == '\n').ShouldBe(1);
    }

    private static Task<CliResult> RunAsync(string? dataFolder, string? store, params string[] args) => Tool.RunAsync(args, "", store, dataFolder);
}
