using Latchwork.StoreConformance.Maintenance;
using Latchwork.StoreConformance.Support;
using Xunit;

namespace Latchwork.Cli.Tests.Moving;

public sealed class SqliteToRedisContentTests(SqliteToRedisFixture fixture) : TransferContentSuite(fixture), IClassFixture<SqliteToRedisFixture>;

public sealed class SqliteToRedisNamespaceTests(SqliteToRedisFixture fixture) : TransferNamespaceSuite(fixture), IClassFixture<SqliteToRedisFixture>;

public sealed class SqliteToRedisRefusalTests(SqliteToRedisFixture fixture) : TransferRefusalSuite(fixture), IClassFixture<SqliteToRedisFixture>;

public sealed class SqliteToRedisResumeTests(SqliteToRedisFixture fixture) : TransferResumeSuite(fixture), IClassFixture<SqliteToRedisFixture>;

public sealed class RedisToSqliteContentTests(RedisToSqliteFixture fixture) : TransferContentSuite(fixture), IClassFixture<RedisToSqliteFixture>;

public sealed class RedisToSqliteNamespaceTests(RedisToSqliteFixture fixture) : TransferNamespaceSuite(fixture), IClassFixture<RedisToSqliteFixture>;

public sealed class RedisToSqliteRefusalTests(RedisToSqliteFixture fixture) : TransferRefusalSuite(fixture), IClassFixture<RedisToSqliteFixture>;

public sealed class RedisToSqliteResumeTests(RedisToSqliteFixture fixture) : TransferResumeSuite(fixture), IClassFixture<RedisToSqliteFixture>;

/// <summary>A file and a server.</summary>
public class PairFixture : StoreFixture, IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lw-move-");
    private RedisServer _server = null!;

    /// <summary>The address of the file.</summary>
    public string Sqlite => $"sqlite:{Path}";

    /// <summary>The address of the server.</summary>
    public string Redis => _server.Uri;

    private string Path => System.IO.Path.Combine(_folder.FullName, "latchwork.db");

    public async Task InitializeAsync() => _server = await RedisServer.StartAsync(new RedisServerOptions { UnixSocket = true });

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    public override Task<LatchworkStore> OpenAsync(TimeProvider? clock) => OpenSqliteAsync(clock);

    public override Task<LatchworkStore> OpenTargetAsync(TimeProvider? clock) => OpenRedisAsync(clock);

    public async Task<LatchworkStore> OpenSqliteAsync(TimeProvider? clock = null) => await SqliteStore.OpenAsync(Path, new() { TimeProvider = clock });

    public async Task<LatchworkStore> OpenRedisAsync(TimeProvider? clock = null) => await RedisStore.ConnectAsync(Redis, new RedisOptions { TimeProvider = clock });
}

/// <summary>Moves from the file to the server.</summary>
public sealed class SqliteToRedisFixture : PairFixture;

/// <summary>Moves from the server to the file.</summary>
public sealed class RedisToSqliteFixture : PairFixture
{
    public override Task<LatchworkStore> OpenAsync(TimeProvider? clock) => OpenRedisAsync(clock);

    public override Task<LatchworkStore> OpenTargetAsync(TimeProvider? clock) => OpenSqliteAsync(clock);
}
