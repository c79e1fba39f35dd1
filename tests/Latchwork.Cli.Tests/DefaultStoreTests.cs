using Latchwork.Cli.Tests.Support;
using Microsoft.Data.Sqlite;
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
    public async Task Who_looks_migrates_no_older_file_and_store_migrate_does()
    {
        string path = _scratch["old.db"], store = $"sqlite:{path}";
        await using (var connection = new SqliteConnection($"Data Source={path};Pooling=false"))
        {
            using var script = new StreamReader(typeof(SqliteStore).Assembly.GetManifestResourceStream("Version1.sql")!);
            connection.Open();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = await script.ReadToEndAsync() + "; PRAGMA application_id = 0x4C544348; PRAGMA user_version = 1";
            await command.ExecuteNonQueryAsync();
        }

        byte[] before = await File.ReadAllBytesAsync(path);
        foreach (string[] command in (string[][])[["timer", "stats"], ["timer", "cancel", "x"], ["lock", "list"], ["doctor"], ["top", "--once"]])
        {
            CliResult refused = await RunAsync(null, store, command);
            refused.ExitCode.ShouldBe(ExitCodes.Failure, $"{command[0]}: {refused}");
            refused.Error.ShouldContain("its tables have version 1");
            refused.Error.ShouldContain($"latchwork store migrate --store {store}");
        }

        (await File.ReadAllBytesAsync(path)).ShouldBe(before);
        (await RunAsync(null, store, "store", "migrate")).Out.ShouldContain("it is up to date");
        (await RunAsync(null, store, "timer", "namespaces")).ExitCode.ShouldBe(ExitCodes.Done);
        (await RunAsync(null, "memory:", "store", "migrate")).ExitCode.ShouldBe(ExitCodes.BadInput);
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
        (await RunAsync(null, $"sqlite:{path}", "timer", "post", "--in", "1h")).ExitCode.ShouldBe(ExitCodes.Done);
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
        CliResult result = await RunAsync(_scratch["file"], null, "timer", "post", "--in", "1h");
        result.ExitCode.ShouldBe(ExitCodes.Failure);
        result.Error.ShouldContain("of the default database cannot be made");
        result.Error.Count(c => c == '\n').ShouldBe(1);
    }

    [Theory]
    [InlineData("timer stats")]
    [InlineData("timer stats --all")]
    [InlineData("timer peek x")]
    [InlineData("timer upcoming")]
    [InlineData("timer nodes")]
    [InlineData("timer nodes --all")]
    [InlineData("timer namespaces")]
    [InlineData("timer cancel x")]
    [InlineData("timer dead-letters list")]
    [InlineData("timer drop x")]
    [InlineData("lock list")]
    [InlineData("lock peek x")]
    [InlineData("lock forget x")]
    [InlineData("doctor")]
    public async Task Who_only_looks_makes_no_file_and_is_told_that_there_is_none(string commandLine)
    {
        foreach (string? store in (string?[])[null, $"sqlite:{_scratch["x.db"]}"])
        {
            CliResult result = await RunAsync(_scratch["home"], store, commandLine.Split(' '));
            result.ExitCode.ShouldBe(ExitCodes.NotFound, result.Error);
            result.Out.ShouldBeEmpty();
            result.Error.ShouldContain("there is no store yet: no file '");
            result.Error.ShouldContain("'latchwork timer post' and 'latchwork once' make one");
        }

        Directory.Exists(_scratch["home"]).ShouldBeFalse();
        File.Exists(_scratch["x.db"]).ShouldBeFalse();
    }

    [Theory]
    [InlineData("timer stats -n typo", "timer namespace 'typo'", "'dt'")]
    [InlineData("timer peek x -n typo", "timer namespace 'typo'", "'dt'")]
    [InlineData("timer upcoming -n typo", "timer namespace 'typo'", "'dt'")]
    [InlineData("timer nodes -n typo", "timer namespace 'typo'", "'dt'")]
    [InlineData("timer cancel x -n typo", "timer namespace 'typo'", "'dt'")]
    [InlineData("timer delay x 1s -n typo", "timer namespace 'typo'", "'dt'")]
    [InlineData("timer confirm x --force -n typo", "timer namespace 'typo'", "'dt'")]
    [InlineData("timer dead-letters list -n typo", "timer namespace 'typo'", "'dt'")]
    [InlineData("timer dead-letters requeue --all -n typo", "timer namespace 'typo'", "'dt'")]
    [InlineData("timer dead-letters purge --all -n typo", "timer namespace 'typo'", "'dt'")]
    [InlineData("timer drop typo", "timer namespace 'typo'", "'dt'")]
    [InlineData("lock list -n typo", "lock namespace 'typo'", "'locker'")]
    [InlineData("lock peek x -n typo", "lock namespace 'typo'", "'locker'")]
    [InlineData("lock forget x -n typo", "lock namespace 'typo'", "'locker'")]
    [InlineData("doctor typo", "timer or lock namespace 'typo'", "'dt', 'locker'")]
    public async Task Who_only_looks_makes_no_namespace_and_is_told_which_there_are(string commandLine, string what, string there)
    {
        string store = $"sqlite:{_scratch["a.db"]}";
        (await RunAsync(null, store, "timer", "post", "--id", "x", "--in", "1h")).ExitCode.ShouldBe(ExitCodes.Done);
        (await RunAsync(null, store, "once", "k", "--", "true")).ExitCode.ShouldBe(ExitCodes.Done);

        CliResult result = await RunAsync(null, store, commandLine.Split(' '));
        result.ExitCode.ShouldBe(ExitCodes.NotFound, result.Error);
        result.Error.ShouldBe($"latchwork: there is no {what} in {store}. Namespaces: {there}\n");
        (await RunAsync(null, store, "timer", "namespaces")).Lines.ShouldBe(["dt"]);
    }

    [Fact]
    public async Task A_namespace_that_holds_events_is_dropped_only_by_force()
    {
        string store = $"sqlite:{_scratch["a.db"]}";
        (await RunAsync(null, store, "timer", "post", "-n", "old", "--in", "1h")).ExitCode.ShouldBe(ExitCodes.Done);
        CliResult refused = await RunAsync(null, store, "timer", "drop", "old");
        refused.ExitCode.ShouldBe(ExitCodes.Conflict);
        refused.Error.ShouldContain("'old' holds 1 events");
        (await RunAsync(null, store, "timer", "drop", "old", "--force", "--json")).Out.ShouldBe("{\"namespace\":\"old\",\"dropped\":1}\n");
        (await RunAsync(null, store, "timer", "namespaces")).Lines.ShouldBe(["there are none yet"]);
    }

    [Fact]
    public async Task The_counts_of_all_namespaces_are_shown_together()
    {
        string store = $"sqlite:{_scratch["a.db"]}";
        foreach (string ns in (string[])["b", "a"]) (await RunAsync(null, store, "timer", "post", "-n", ns, "--in", "1h")).ExitCode.ShouldBe(ExitCodes.Done);
        CliResult all = await RunAsync(null, store, "timer", "stats", "--all");
        all.Lines.Length.ShouldBe(3, all.Out);
        all.Lines[0].ShouldStartWith("NAMESPACE  SCHEDULED");
        all.Lines[1].ShouldStartWith("a ");
        all.Lines[2].ShouldStartWith("b ");
        (await RunAsync(null, store, "timer", "stats", "--all", "--json")).Lines.Length.ShouldBe(2);
    }

    [Theory]
    [InlineData("x.db")]
    [InlineData("x.sqlite")]
    [InlineData("x")]
    public async Task A_path_alone_is_understood(string name)
    {
        CliResult result = await RunAsync(null, null, "timer", "post", "--in", "1h", "--store", _scratch[name]);
        result.ExitCode.ShouldBe(ExitCodes.Done, result.Error);
        File.Exists(_scratch[name]).ShouldBeTrue();
    }

    private static async Task FailsAsync(string path, string message)
    {
        CliResult result = await RunAsync(null, null, "timer", "post", "--in", "1h", "--store", $"sqlite:{path}");
        result.ExitCode.ShouldBe(ExitCodes.Failure);
        result.Out.ShouldBeEmpty();
        result.Error.ShouldContain(message);
        result.Error.Count(c => c == '\n').ShouldBe(1);
    }

    private static Task<CliResult> RunAsync(string? dataFolder, string? store, params string[] args) => Tool.RunAsync(args, "", store, dataFolder);
}
