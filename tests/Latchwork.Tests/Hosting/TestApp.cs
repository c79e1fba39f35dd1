using Latchwork.StoreConformance.Engine;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Latchwork.Tests.Hosting;

/// <summary>An application with nothing but what a test adds, and a log that can be read.</summary>
public sealed class TestApp : IAsyncDisposable
{
    private readonly HostApplicationBuilder _builder = new(new HostApplicationBuilderSettings { DisableDefaults = true });
    private IHost? _host;

    public TestApp(params (string Key, string? Value)[] settings)
    {
        _builder.Configuration.AddInMemoryCollection(settings.Select(one => KeyValuePair.Create(one.Key, one.Value)));
        _builder.Logging.SetMinimumLevel(LogLevel.Trace).AddProvider(Log);
    }

    public LogRecorder Log { get; } = new();

    public IServiceCollection Services => _builder.Services;

    public IHost Host => _host ??= _builder.Build();

    public IServiceProvider Provider => Host.Services;

    public T Get<T>()
        where T : notnull => Provider.GetRequiredService<T>();

    public T Get<T>(string key)
        where T : notnull => Provider.GetRequiredKeyedService<T>(key);

    public async Task<TestApp> StartAsync()
    {
        await Host.StartAsync();
        return this;
    }

    public Task StopAsync(CancellationToken cancellationToken = default) => Host.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_host is null) return;
        await _host.StopAsync();
        await ((IAsyncDisposable)_host).DisposeAsync();
    }
}

/// <summary>What applications of a test share: a store whose calls are counted and can be made to fail.</summary>
public sealed class SharedStore : IAsyncDisposable
{
    public FaultyStore Store { get; } = new(new InMemoryStore());

    public FaultyTimerStore Calls => Store.Faults;

    public ValueTask DisposeAsync() => Store.DisposeAsync();
}
