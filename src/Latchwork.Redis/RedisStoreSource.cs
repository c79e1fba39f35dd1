using Latchwork.Hosting;
using Latchwork.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Latchwork.Redis;

/// <summary>Reads the settings of a Redis store from an address, the configuration and code, in this order, and opens it.</summary>
internal sealed class RedisStoreSource : LatchworkStoreSource
{
    private const string ConnectionString = "ConnectionString";

    private readonly RedisOptions _options;

    private RedisStoreSource(RedisOptions options, IReadOnlyList<string> failures)
    {
        _options = options;
        Failures = failures;
    }

    public override string Description => _options.ToString();

    public override IReadOnlyList<string> Failures { get; }

    public static RedisStoreSource Create(
        string? connection, IConfigurationSection? settings, ILoggerFactory? loggers, Action<RedisOptions>? configure)
    {
        var failures = new List<string>();
        var options = new RedisOptions();
        Read(connection ?? settings?[ConnectionString], ref options, failures);
        options.LoggerFactory = loggers;
        if (settings is not null) Bind(settings, options, failures);
        configure?.Invoke(options);
        failures.Gather(() => options.CheckedCopy());
        return new RedisStoreSource(options, failures);
    }

    public override async Task<LatchworkStore> OpenAsync(CancellationToken cancellationToken) =>
        await RedisStore.ConnectAsync(_options, cancellationToken).ConfigureAwait(false);

    private static void Read(string? connection, ref RedisOptions options, List<string> failures)
    {
        if (string.IsNullOrEmpty(connection)) return;
        RedisOptions? parsed = null;
        failures.Gather(() => parsed = RedisOptions.Parse(connection));
        options = parsed ?? options;
    }

    private static void Bind(IConfigurationSection section, RedisOptions options, List<string> failures)
    {
        var reader = new SettingsReader(section, failures);
        reader.Text(ConnectionString, static _ => { }); // read before everything else
        reader.Text(nameof(options.User), value => options.User = value);
        reader.Text(nameof(options.Password), value => options.Password = value);
        reader.Flag(nameof(options.Cluster), value => options.Cluster = value);
        reader.Text(nameof(options.SentinelService), value => options.SentinelService = value);
        reader.Text(nameof(options.SentinelUser), value => options.SentinelUser = value);
        reader.Text(nameof(options.SentinelPassword), value => options.SentinelPassword = value);
        reader.Number(nameof(options.Database), value => options.Database = value);
        reader.Text(nameof(options.ClientName), value => options.ClientName = value);
        reader.Span(nameof(options.ConnectTimeout), value => options.ConnectTimeout = value);
        reader.Span(nameof(options.CommandTimeout), value => options.CommandTimeout = value);
        reader.Text(nameof(options.KeyPrefix), value => options.KeyPrefix = value);
        reader.Number(nameof(options.Partitions), value => options.Partitions = value);
        reader.Number(nameof(options.MaxQueuedCommands), value => options.MaxQueuedCommands = value);
        reader.LongNumber(nameof(options.MaxQueuedBytes), value => options.MaxQueuedBytes = value);
        BindTls(reader.Section(nameof(options.Tls)), options);
        BindReplication(reader.Section(nameof(options.Replication)), options);
        reader.RefuseUnknown();
    }

    /// <summary>Any setting turns TLS on; <c>Enabled</c> does so without any. It adds to what the address says.</summary>
    private static void BindTls(SettingsReader reader, RedisOptions options)
    {
        bool? enabled = null;
        reader.Flag("Enabled", value => enabled = value);
        var tls = options.Tls ?? new RedisTlsOptions();
        reader.Text(nameof(tls.AuthorityFile), value => tls.AuthorityFile = value);
        reader.Text(nameof(tls.CertificateFile), value => tls.CertificateFile = value);
        reader.Text(nameof(tls.KeyFile), value => tls.KeyFile = value);
        reader.Text(nameof(tls.HostName), value => tls.HostName = value);
        reader.RefuseUnknown();
        bool isAsked = enabled ?? tls is not { AuthorityFile: null, CertificateFile: null, KeyFile: null, HostName: null };

        // An address that asks for TLS is not overruled by a setting that somebody may have forgotten.
        if (enabled == false && options.Tls is not null) reader.Refuse("Enabled", "is false, but the address asks for TLS");
        if (isAsked) options.Tls = tls;
    }

    private static void BindReplication(SettingsReader reader, RedisOptions options)
    {
        reader.Number(nameof(RedisReplication.Replicas), value => Replication().Replicas = value);
        reader.Span(nameof(RedisReplication.Timeout), value => Replication().Timeout = value);
        reader.Choice<ReplicatedWrites>(nameof(RedisReplication.Writes), value => Replication().Writes = value);
        reader.RefuseUnknown();

        RedisReplication Replication() => options.Replication ??= new RedisReplication();
    }
}
