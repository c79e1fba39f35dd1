using Microsoft.Extensions.Hosting;

namespace Latchwork.Security;

/// <summary>Keeps the host from starting when a part names an authorization policy that is not registered.</summary>
/// <param name="policies">Gives the policies of the part.</param>
/// <param name="services">The services of the application.</param>
/// <param name="part">What messages call the part.</param>
internal sealed class AccessPolicyCheck(Func<AccessPolicies> policies, IServiceProvider services, string part) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => policies().CheckAsync(services, part);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
