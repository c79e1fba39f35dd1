namespace Latchwork.Benchmarks.Contenders;

/// <summary>Makes the contenders of this program. Those of other libraries are in a program of their own, with the Redis client that they were made with.</summary>
internal static partial class ContenderHost
{
    public static async Task<int> RunAsync(string name, string store)
    {
        await using IContender contender = name switch
        {
            "latchwork" => await LatchworkContender.OpenAsync(store),
            "latchwork-postgres" => new LatchworkPostgresContender(),
            "raw" => new RawContender(store),
            "raw-postgres" => new RawPostgresContender(),
            "quartz" => await QuartzContender.StartAsync(),
            _ => throw new ArgumentException($"There is no contender '{name}'.", nameof(name)),
        };
        return await ServeAsync(contender);
    }
}
