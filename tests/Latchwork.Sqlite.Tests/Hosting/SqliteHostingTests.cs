using Latchwork.Sqlite.Tests.Support;
using Latchwork.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace Latchwork.Sqlite.Tests.Hosting;

public sealed class SqliteHostingTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_application_gets_its_file_from_the_configuration_and_handles_what_was_posted_before_it_was_restarted()
    {
        using (IHost app = Build([("Latchwork:Sqlite:Path", _folder.Database)], builder => builder.UseSqlite().AddTimer<string>("orders")))
        {
            await app.StartAsync();
            await app.Services.GetRequiredService<IDistributedTimer<string>>().PostAsync("hello", TimeSpan.Zero);
            app.Services.GetRequiredService<LatchworkStore>().Description.ShouldBe($"sqlite:{_folder.Database}");
            await app.StopAsync();
        }

        var handled = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        using IHost again = Build([], builder => builder.UseSqlite(_folder.Database).AddTimer<string>("orders", (value, _, _) =>
        {
            handled.TrySetResult(value);
            return Task.CompletedTask;
        }));
        await again.StartAsync();
        (await handled.Task.WaitAsync(TimeSpan.FromSeconds(30))).ShouldBe("hello");
        await again.StopAsync();
    }

    [Fact]
    public async Task Maintenance_waits_until_the_file_is_open()
    {
        using IHost app = Build([], builder => builder.UseSqlite(_folder.Database));
        LatchworkStore store = app.Services.GetRequiredService<LatchworkStore>();
        IStoreMaintenance maintenance = store.Maintenance.ShouldNotBeNull();
        Should.Throw<LatchworkStoreException>(() => maintenance.Place).Outcome.ShouldBe(StoreOutcome.NotApplied);
        (await maintenance.ListAsync(default)).ShouldBeEmpty();
        (await maintenance.ExamineAsync(null, fix: false, default).ToListAsync()).ShouldBeEmpty();
        maintenance.Place.ShouldBe($"sqlite:{_folder.Database}");
    }

    [Fact]
    public async Task All_that_is_wrong_is_named()
    {
        using IHost app = Build(
            [("Latchwork:Sqlite:Synchronous", "Sometimes"), ("Latchwork:Sqlite:BusyTimeout", "1ms"), ("Latchwork:Sqlite:Paht", "x")],
            builder => builder.UseSqlite());
        OptionsValidationException failure = await Should.ThrowAsync<OptionsValidationException>(() => app.StartAsync());
        foreach (string named in (string[])["the path must not be empty", "must be one of Normal, Full; it is 'Sometimes'", "'BusyTimeout' must be between", "Unknown setting 'Latchwork:Sqlite:Paht'"])
        {
            failure.Message.ShouldContain(named);
        }
    }

    private static IHost Build((string Key, string? Value)[] settings, Action<LatchworkBuilder> configure)
    {
        HostApplicationBuilder host = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        host.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Value)));
        configure(host.Services.AddLatchwork());
        return host.Build();
    }
}
