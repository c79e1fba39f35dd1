using Latchwork.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Latchwork.Redis;

/// <summary>
/// Finds out which connection an application means, and opens the store: what the code gives, else <c>Latchwork:Redis:ConnectionString</c>, else the
/// <see cref="IConnectionMultiplexer"/> that is registered. There is no other, and never a server that nobody named.
/// </summary>
internal sealed class RedisStoreSource : LatchworkStoreSource
{
    private const string ConnectionString = "ConnectionString";
    private const string Nothing =
        "No Redis connection was given. Give one to UseRedis(…), or set Latchwork:Redis:ConnectionString, or register an IConnectionMultiplexer (for example with Aspire's AddRedisClient)";

    private readonly RedisOptions _options = new();
    private readonly ConfigurationOptions? _settings;
    private readonly IConnectionMultiplexer? _multiplexer;
    private readonly List<string> _failures = [];

    public RedisStoreSource(IServiceProvider services, IConfigurationSection? section, RedisConnectionChoice choice)
    {
        _options.LoggerFactory = services.GetService<ILoggerFactory>();
        ConfigurationOptions? settings = null;
        IConnectionMultiplexer? multiplexer = null;
        _failures.Gather(() => settings = choice.Configuration?.Invoke(services));
        _failures.Gather(() => multiplexer = choice.Multiplexer?.Invoke(services));
        bool isGiven = choice.Configuration is not null || choice.Multiplexer is not null;
        if (isGiven && settings is null && multiplexer is null && _failures.Count == 0) _failures.Add("The function that was given to UseRedis has returned null, and no connection");
        string? text = choice.ConnectionString ?? (!isGiven ? section?[ConnectionString] : null);
        var problems = new List<string>();
        if (!string.IsNullOrEmpty(text)) settings = RedisConnectionString.Read(text, _options, problems);
        else if (settings is not null) RedisOptionsCheck.AddProblems(settings, problems);
        else if (multiplexer is null && choice.ConnectionString is null && _failures.Count == 0) _failures.Gather(() => multiplexer = Registered(services, choice.Key));
        _failures.Gather(() => RedisOptionsCheck.ThrowIfAny(problems, "configuration"));

        if (section is not null) Bind(section, _options, _failures);
        choice.Configure?.Invoke(_options);
        _failures.Gather(() => _options.CheckedCopy());
        if (multiplexer is not null && _failures.Count == 0) _failures.Gather(() => _ = RedisStore.CheckShared(multiplexer, _options));
        if (settings is null && multiplexer is null && _failures.Count == 0)
            _failures.Add(choice.Key is null ? Nothing : $"{Nothing}. No IConnectionMultiplexer is registered with the key '{choice.Key}'");
        (_settings, _multiplexer) = (settings, multiplexer);
    }

    public override string Description => _settings is not null ? RedisConfiguration.Describe(_settings)
        : _multiplexer is not null ? RedisConfiguration.Describe(_multiplexer) : "Redis";

    public override IReadOnlyList<string> Failures => _failures;
    public override async Task<LatchworkStore> OpenAsync(CancellationToken cancellationToken) => _multiplexer is not null
        ? RedisStore.Create(_multiplexer, _options)
        : await RedisStore.ConnectAsync(_settings!, _options, cancellationToken).ConfigureAwait(false);

    private static IConnectionMultiplexer? Registered(IServiceProvider services, object? key) =>
        key is null ? services.GetService<IConnectionMultiplexer>() : services.GetKeyedService<IConnectionMultiplexer>(key);

    private static void Bind(IConfigurationSection section, RedisOptions options, List<string> failures)
    {
        var reader = new SettingsReader(section, failures);
        reader.Text(ConnectionString, static _ => { }); // read before everything else
        reader.Read(RedisOptions.Set, options);
        reader.RefuseUnknown();
    }
}

/// <summary>What the code says of the connection: at most one of the first three; or the key of the registered one, null for the one without a key.</summary>
internal sealed record RedisConnectionChoice(
    string? ConnectionString, Func<IServiceProvider, ConfigurationOptions>? Configuration, Func<IServiceProvider, IConnectionMultiplexer>? Multiplexer, object? Key, Action<RedisOptions>? Configure);
