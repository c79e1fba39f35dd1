using Latchwork.StoreConformance.Support;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Support;

/// <summary>Which server the tests start.</summary>
public sealed class RedisProgramTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lw-program-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void Without_a_name_it_is_the_installed_one(string? value) => RedisProgram.Named(value).ShouldBe("redis-server");

    [Fact]
    public void A_program_that_is_named_is_taken() => RedisProgram.Named(Environment.ProcessPath).ShouldBe(Environment.ProcessPath);

    [Fact]
    public void What_cannot_be_started_is_named_with_the_variable()
    {
        string text = Path.Combine(_folder, "server.txt");
        File.WriteAllText(text, "no program");
        Says(text, "is not executable");
        Says(Path.Combine(_folder, "missing"), "does not exist");
        Says(_folder, "is a folder");
        Says("valkey-server", "is not a full path");

        static void Says(string value, string what) =>
            Should.Throw<InvalidOperationException>(() => RedisProgram.Named(value)).Message.ShouldStartWith($"REDIS_SERVER is '{value}', which {what}");
    }
}
