using System.Globalization;
using System.Text.Json;
using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary><c>once</c> on a real Redis: one runs, all print the same.</summary>
public sealed class OnceTests : IClassFixture<RedisFixture>, IDisposable
{
    private const long SigPipe = 1L << 12;

    private readonly RedisKeyspace _keys;
    private readonly Scratch _scratch = new();

    public OnceTests(RedisFixture redis) => _keys = redis.NewKeyspace();

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task Of_concurrent_processes_one_runs_and_all_print_the_same_bytes(int exitCode)
    {
        // Bytes that are no UTF-8, no line end, and both outputs.
        string script = $@"echo run >> {_scratch["runs"]}; printf 'out \377\000\r\n\n'; printf 'err \376' >&2; {_scratch.WaitFor("go")}; exit {exitCode}";
        OnceProcess[] processes = [.. Enumerable.Range(0, 4).Select(_ => _keys.Start("k", script))];
        try
        {
            await _scratch.HasLinesAsync("runs", 1);
            await _keys.HasWaitersAsync(3);
            _scratch.Create("go");
            foreach (OnceProcess process in processes)
            {
                (await process.EndsAsync()).ShouldBe(new CliResult(exitCode, "out \xFF\0\r\n\n", "err \xFE"));
            }
        }
        finally
        {
            foreach (OnceProcess process in processes) await process.DisposeAsync();
        }

        _scratch.Lines("runs").Length.ShouldBe(1);
    }

    [Theory]
    [InlineData("once k --store memory: -- printf %s \"$(printf 'a\\377b')\"", 0, "a\u00ffb")]
    [InlineData("once \"$(printf 'k\\376')\" --store memory: -- echo no", ExitCodes.BadInput, "")]
    [InlineData("timer peek \"$(printf 'k\\376')\" --store memory:", ExitCodes.BadInput, "")]
    public async Task Arguments_that_are_no_UTF_8_reach_the_command_as_they_are_and_are_refused_elsewhere(string commandLine, int exitCode, string output)
    {
        var start = new System.Diagnostics.ProcessStartInfo("/bin/sh", ["-c", $"exec dotnet \"$0\" {commandLine}", typeof(CliApplication).Assembly.Location])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = System.Text.Encoding.Latin1,
        };
        using var shell = System.Diagnostics.Process.Start(start)!;
        (await shell.StandardOutput.ReadToEndAsync()).ShouldBe(output);
        string error = await shell.StandardError.ReadToEndAsync();
        await shell.WaitForExitAsync();
        shell.ExitCode.ShouldBe(exitCode, error);
        if (exitCode != 0) error.ShouldContain("is not valid UTF-8");
    }

    [Fact]
    public async Task The_command_may_open_as_many_files_as_whoever_started_the_tool()
    {
        string[] words = ["sh", "-c", "ulimit -S -n"];
        var start = new System.Diagnostics.ProcessStartInfo("/bin/sh", ["-c", "ulimit -S -n 777; dotnet \"$@\"; exit $?", "sh", typeof(CliApplication).Assembly.Location, "once", "files", "--store", "memory:", "--", .. words])
        {
            RedirectStandardOutput = true,
        };
        using var shell = System.Diagnostics.Process.Start(start)!;
        (await shell.StandardOutput.ReadToEndAsync()).ShouldBe("777\n");
        await shell.WaitForExitAsync();
    }

    [Fact]
    public async Task A_result_is_reused_as_long_as_it_is_kept()
    {
        string script = $"echo run >> {_scratch["runs"]}; wc -l < {_scratch["runs"]}; exit 4";
        (await _keys.OnceAsync("k", script, "--result-for", "10m")).ShouldBe(new CliResult(4, "1\n", ""));
        (await _keys.OnceAsync("k", script)).ShouldBe(new CliResult(4, "1\n", ""));
        (await _keys.OnceAsync("other", script, "--result-for", "0s")).ShouldBe(new CliResult(4, "2\n", ""));
        (await _keys.OnceAsync("other", script, "--result-for", "0s")).ShouldBe(new CliResult(4, "3\n", ""));
    }

    [Fact]
    public async Task Retry_failures_lets_the_next_one_who_waits_run_it()
    {
        string script = $"echo run >> {_scratch["runs"]}; if [ -e {_scratch["go"]} ]; then echo good; exit 0; fi; {_scratch.WaitFor("go")}; echo bad; exit 3";
        Task<CliResult> first = _keys.OnceAsync("k", script, "--retry-failures");
        await _scratch.HasLinesAsync("runs", 1);
        Task<CliResult> second = _keys.OnceAsync("k", script, "--retry-failures");
        await _keys.HasWaitersAsync(1);
        _scratch.Create("go");
        (await first).ShouldBe(new CliResult(3, "bad\n", ""));
        (await second).ShouldBe(new CliResult(0, "good\n", ""));
        (await _keys.OnceAsync("k", script)).ShouldBe(new CliResult(0, "good\n", ""));
        _scratch.Lines("runs").Length.ShouldBe(2);
    }

    [Fact]
    public async Task A_wait_that_is_too_long_has_its_own_exit_code()
    {
        Task<CliResult> owner = _keys.OnceAsync("k", $"echo run >> {_scratch["runs"]}; {_scratch.WaitFor("go")}");
        await _scratch.HasLinesAsync("runs", 1);
        CliResult waiter = await _keys.OnceAsync("k", "true", "--wait", "100ms");
        waiter.ShouldBe(new CliResult(ExitCodes.TimedOut, "", "latchwork: k: timed out after 100ms of waiting for another node to run it\n"));
        _scratch.Create("go");
        (await owner).ExitCode.ShouldBe(0);
    }

    [Fact]
    public async Task Output_beyond_the_limit_fails_for_all_who_wait_and_is_not_kept()
    {
        // A failure is handed over for two seconds: if the machine stalls for longer just then, the waiter runs the command itself.
        int round = 0;
        do
        {
            (++round).ShouldBeLessThan(10, "the waiter always runs it itself");
            string script = $"echo run >> {_scratch[$"runs{round}"]}; {_scratch.WaitFor($"go{round}")}; exec yes";
            Task<CliResult> owner = _keys.OnceAsync("k", script, "--max-output", "64KiB");
            await _scratch.HasLinesAsync($"runs{round}", 1);
            Task<CliResult> waiter = _keys.OnceAsync("k", script, "--max-output", "64KiB");
            await _keys.HasWaitersAsync(1);
            _scratch.Create($"go{round}");
            const string Message = "latchwork: k: the command printed more than the 65536 bytes that --max-output allows, so it was stopped\n";
            (await owner).ShouldBe(new CliResult(ExitCodes.Failure, "", Message));
            (await waiter).ShouldBe(new CliResult(ExitCodes.Failure, "", Message));
        }
        while (_scratch.Lines($"runs{round}").Length != 1);

        (await _keys.OnceAsync("k", "printf 12345", "--max-output", "4")).ExitCode.ShouldBe(ExitCodes.Failure);
        (await _keys.OnceAsync("k", "printf 12; printf 34 >&2", "--max-output", "4")).ShouldBe(new CliResult(0, "12", "34"));
    }

    [Fact]
    public async Task A_machine_without_the_program_does_not_speak_for_the_others()
    {
        CliResult missing = await _keys.OnceAsync(["k", "--max-output", "1"], ["no-such-program"]);
        missing.ShouldBe(new CliResult(ExitCodes.Failure, "", "latchwork: k: 'no-such-program' cannot be started: No such file or directory\n"));
        // The command's own 127 is a result like any other.
        (await _keys.OnceAsync("k", "echo ok; no-such-program 2>/dev/null")).ShouldBe(new CliResult(127, "ok\n", ""));
    }

    [Fact]
    public async Task The_command_gets_its_words_as_they_are_the_facts_and_no_input()
    {
        (await _keys.OnceAsync(["a"], ["printf", "%s|", "--json", "--", "", "a b", "-h", "@x"])).Out.ShouldBe("--json|--||a b|-h|@x|");
        (await _keys.OnceAsync(["b"], ["cat"])).ShouldBe(new CliResult(0, "", ""));
        CliResult facts = await _keys.OnceAsync("c", "echo \"$LATCHWORK_KEY|$LATCHWORK_NAMESPACE|$LATCHWORK_FENCING_TOKEN\"");
        JsonElement shown = (await _keys.LockAsync("show", "c")).ReadJson();
        facts.Out.ShouldBe($"c|{_keys.Name}|{shown.GetProperty("fencingToken").GetInt64()}\n");
        // What .NET ignores (SIGPIPE) is not ignored in the command, only what whoever started these tests ignored; and a death by a signal
        // has the code that shells give it.
        string ignored = File.ReadLines("/proc/self/status").First(line => line.StartsWith("SigIgn:", StringComparison.Ordinal))["SigIgn:".Length..];
        long inherited = long.Parse(ignored, NumberStyles.HexNumber | NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture) & ~SigPipe;
        (await _keys.OnceAsync("d", "grep SigIgn /proc/self/status; kill -9 $$")).ShouldBe(new CliResult(137, $"SigIgn:\t{inherited:x16}\n", ""));
    }

    [Fact]
    public async Task A_command_that_asks_for_its_own_key_is_refused_instead_of_waiting_for_itself()
    {
        string inner = $"dotnet {typeof(CliApplication).Assembly.Location} once --store '{_keys.Server.LenientUri}' --namespace {_keys.Name}";
        CliResult refused = await _keys.OnceAsync("k", $"{inner} k -- echo never");
        refused.ShouldBe(new CliResult(
            ExitCodes.BadInput, "", "latchwork: k: is being run by the command inside which this 'latchwork once' was started: it would wait for itself\n"));
        (await _keys.OnceAsync("outer", $"{inner} middle -- {inner} outer -- echo never")).ExitCode.ShouldBe(ExitCodes.BadInput);
        (await _keys.OnceAsync("fine", $"{inner} another -- echo good")).ShouldBe(new CliResult(0, "good\n", ""));
    }

    [Fact]
    public async Task A_result_of_something_else_is_said_to_be_so()
    {
        await using (LatchworkStore store = await RedisStore.ConnectAsync(_keys.Server.LenientUri))
        await using (var locker = new ProcessLocker(store, new LockerOptions { Namespace = _keys.Name }))
        {
            await locker.RunOnceAsync("k", (_, _) => Task.FromResult<byte[]?>([1, 2, 3]));
        }

        CliResult result = await _keys.OnceAsync("k", "true");
        result.ExitCode.ShouldBe(ExitCodes.Failure);
        result.Error.ShouldStartWith("latchwork: k: the result of the key is not one of 'latchwork once'");
    }
}
