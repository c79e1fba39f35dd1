using Latchwork.Storage;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Hosting;

/// <summary>Maintenance of a store that is opened in the background.</summary>
public sealed class HostedMaintenanceTests
{
    [Fact]
    public async Task A_store_without_maintenance_refuses_it_by_name_once_it_is_open()
    {
        await using var app = new TestApp();
        app.Services.AddLatchwork().UseStore("Late", (_, _) => new LateSource());
        IStoreMaintenance maintenance = app.Get<LatchworkStore>().Maintenance.ShouldNotBeNull();
        (await Should.ThrowAsync<NotSupportedException>(() => maintenance.ListAsync(default))).Message.ShouldContain("memory:");
        await Should.ThrowAsync<NotSupportedException>(async () => await maintenance.ExamineAsync(null, fix: false, default).ToListAsync());
        app.Get<LatchworkStore>().Maintenance.ShouldBeNull();
    }

    private sealed class LateSource : LatchworkStoreSource
    {
        public override string Description => "late://";

        public override IReadOnlyList<string> Failures => [];

        public override async Task<LatchworkStore> OpenAsync(CancellationToken cancellationToken)
        {
            await Task.Yield();
            return new InMemoryStore();
        }
    }
}
