using Latchwork.Cli.Tests.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>What a shell is told to complete.</summary>
public sealed class CompletionTests
{
    [Theory]
    [InlineData("latchwork ", "timer", "once")]
    [InlineData("latchwork ti", "timer", null)]
    [InlineData("latchwork timer po", "post", null)]
    [InlineData("latchwork timer dead-letters ", "requeue", "purge")]
    [InlineData("latchwork timer post --i", "--in", "--id")]
    [InlineData("latchwork timer post --if-exists re", null, null)]
    [InlineData("latchwork completion ", "bash", "pwsh")]
    public async Task Commands_and_options_are_completed(string line, string? one, string? another)
    {
        CliResult result = await Tool.RunAsync("__complete", "", line);
        result.ExitCode.ShouldBe(ExitCodes.Done, result.Error);
        if (one is not null) result.Lines.ShouldContain(one);
        if (another is not null) result.Lines.ShouldContain(another);
        result.Lines.ShouldNotContain("__complete");
    }

    [Fact]
    public async Task The_cursor_may_stand_before_the_end_of_the_line_and_behind_it()
    {
        (await Tool.RunAsync("__complete", "12", "latchwork ti peek x")).Lines.ShouldContain("timer");
        (await Tool.RunAsync("__complete", "16", "latchwork timer")).Lines.ShouldContain("post");
    }

    [Theory]
    [InlineData("bash", "complete -o default -F _latchwork latchwork")]
    [InlineData("zsh", "#compdef latchwork")]
    [InlineData("fish", "complete -c latchwork")]
    [InlineData("pwsh", "Register-ArgumentCompleter")]
    public async Task There_is_a_script_for_each_shell(string shell, string part) => (await Tool.RunAsync("completion", shell)).Out.ShouldContain(part);

    [Fact]
    public async Task Bash_completes_with_the_script()
    {
        string tool = typeof(CliApplication).Assembly.Location;
        string script = $$"""
            latchwork() { dotnet "{{tool}}" "$@"; }
            eval "$(latchwork completion bash)"
            COMP_LINE='latchwork timer up'; COMP_POINT=${#COMP_LINE}; COMP_WORDS=(latchwork timer up); COMP_CWORD=2
            _latchwork
            echo "${COMPREPLY[@]}"
            """;
        using var bash = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("bash", ["-c", script]) { RedirectStandardOutput = true })!;
        (await bash.StandardOutput.ReadToEndAsync()).ShouldBe("upcoming\n");
        await bash.WaitForExitAsync();
    }

    [Fact]
    public async Task An_unknown_shell_is_named() => (await Tool.RunAsync("completion", "tcsh")).Error.ShouldContain("'tcsh'");
}
