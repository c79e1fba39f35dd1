namespace Latchwork.Benchmarks.Contenders;

/// <summary>Makes the contenders of other libraries.</summary>
internal static partial class ContenderHost
{
    public static async Task<int> RunAsync(string name, string store)
    {
        await using IContender contender = name switch
        {
            "hangfire" => await HangfireContender.OpenAsync(store),
            "hangfire-postgres" => new HangfirePostgresContender(),
            "quartz-postgres" => new QuartzPostgresContender(),
            "distributedlock" => await DistributedLockContender.OpenAsync(store),
            "redlock" => await RedLockContender.OpenAsync(store),
            "fusioncache" => await FusionCacheContender.OpenAsync(store),
            _ => throw new ArgumentException($"There is no contender '{name}'.", nameof(name)),
        };
        return await ServeAsync(contender);
    }
}
