using Microsoft.Extensions.Hosting;

namespace Latchwork.Dashboard;

/// <summary>Finds the policies of a dashboard before the host starts, and ends its streams when the host stops, which would wait for them.</summary>
internal sealed class DashboardStart(DashboardRuntime runtime, IServiceProvider services) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => runtime.Policies.CheckAsync(services, "the dashboard");

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        runtime.Feeds.Dispose();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
