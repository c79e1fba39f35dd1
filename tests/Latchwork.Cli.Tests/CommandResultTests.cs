using Latchwork.Cli.Once;
using Shouldly;
using Xunit;

namespace Latchwork.Cli.Tests;

/// <summary>The stored form is a contract between versions of the tool on different machines.</summary>
public sealed class CommandResultTests
{
    [Fact]
    public void Its_bytes_are_fixed()
    {
        byte[] bytes = new CommandResult(3, new byte[] { 1, 2 }, new byte[] { 255 }).ToBytes();
        Convert.ToHexString(bytes).ShouldBe("4C574F01" + "00000003" + "00000002" + "0102" + "FF");
        CommandResult read = CommandResult.TryRead(bytes).ShouldNotBeNull();
        read.ExitCode.ShouldBe(3);
        read.Output.ToArray().ShouldBe([1, 2]);
        read.Error.ToArray().ShouldBe([255]);
        CommandResult.TryRead(new CommandResult(-1, default, default).ToBytes())!.ExitCode.ShouldBe(-1);
    }

    [Theory]
    [InlineData("")]
    [InlineData("4C574F01000000030000")]
    [InlineData("4C574F020000000300000000")]
    [InlineData("4C574F0100000003000000020")]
    [InlineData("4C574F01000000037FFFFFFF00")]
    [InlineData("4C574F0100000003FFFFFFFF00")]
    public void Anything_else_is_none(string hex) => CommandResult.TryRead(Convert.FromHexString(hex[..(hex.Length / 2 * 2)])).ShouldBeNull();
}
