using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Latchwork.Worker;

/// <summary>
/// A node in a host with its defaults, which ends as services do: by SIGTERM. Writes <c>ready</c> when it listens, <c>got ID</c> for each
/// delivery, <c>told ID REASON</c> when a handler's token has fired, and <c>stopped</c> as the last line. An event whose id begins with
/// <c>obeys</c> ends when it is told to; <c>finishes</c> takes a second more and ends as usual; any other goes on whatever it is told.
/// </summary>
internal static class HostedNode
{
    public static async Task RunAsync(string database, string ns)
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders(); // the lines on standard output are the worker's
        builder.Services.AddLatchwork().UseSqlite(database).AddTimer<string>(ns, HandleAsync);
        using (IHost host = builder.Build())
        {
            await host.StartAsync();
            DistributedTimer timer = host.Services.GetRequiredKeyedService<DistributedTimer>(ns);
            while (!timer.IsJoined) await Task.Delay(10);
            Output.Write("ready");
            await host.WaitForShutdownAsync();
        }

        Output.Write("stopped");
    }

    private static async Task HandleAsync(string value, TimerDelivery delivery, CancellationToken cancellationToken)
    {
        Output.Write("got", delivery.Id);
        await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Output.Write("told", delivery.Id, delivery.StopReason);
        if (delivery.Id.StartsWith("obeys", StringComparison.Ordinal)) cancellationToken.ThrowIfCancellationRequested();
        if (delivery.Id.StartsWith("finishes", StringComparison.Ordinal)) await Task.Delay(TimeSpan.FromSeconds(1), delivery.Lost);
        else await Task.Delay(Timeout.Infinite, CancellationToken.None);
    }
}
