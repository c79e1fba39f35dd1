using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Latchwork.Hosting;

/// <summary>
/// Looks whether the store answers and what it warns of, whether the namespaces with a handler are joined, whether they are paused, and how overdue
/// their oldest event is.
/// </summary>
internal sealed class LatchworkHealthCheck(
    LatchworkRegistration registration, IServiceProvider services, IOptionsMonitor<LatchworkHealthOptions> options) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        LatchworkHealthOptions wanted = options.Get(context.Registration.Name);
        var report = new Report(context.Registration.FailureStatus);
        LatchworkStore store = registration.StoreOf(services);
        report.Data["store"] = store.Description;
        using var timeout = new CancellationTokenSource(wanted.Timeout, TimeProvider.System);
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            await CheckStoreAsync(store, wanted, report, bound.Token).WaitAsync(bound.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            Exception? lastError = (store as ConnectingStore)?.LastError;
            report.Add(HealthStatus.Unhealthy, $"The store at {store.Description} did not answer within {wanted.Timeout}.{(lastError is null ? "" : " " + lastError.Message)}", lastError ?? e);
        }
        catch (Exception e) when (e is LatchworkStoreException or ObjectDisposedException)
        {
            report.Add(HealthStatus.Unhealthy, $"The store at {store.Description} cannot be used: {e.Message}", e);
        }

        CheckListeners(wanted, report);
        return report.ToResult();
    }

    private async Task CheckStoreAsync(LatchworkStore store, LatchworkHealthOptions wanted, Report report, CancellationToken cancellationToken)
    {
        IReadOnlyList<StoreWarning> warnings = await store.CheckAsync(cancellationToken).ConfigureAwait(false);
        foreach (StoreWarning warning in warnings)
        {
            report.Data[$"warning:{warning.Code}"] = warning.Message;
            if (!wanted.AcceptedWarnings.Contains(warning.Code)) report.Add(wanted.Warnings, warning.Message);
        }

        bool asked = false;
        foreach (TimerRegistration timer in registration.Timers.Where(timer => timer.Handler is not null))
        {
            asked = true;
            TimerStats stats = await registration.TimerOf(services, timer.Namespace).GetStatsAsync(cancellationToken).ConfigureAwait(false);
            CheckOverdue(timer.Namespace, stats.OldestOverdue ?? TimeSpan.Zero, stats.Pause, wanted, report);
        }

        // Some operation has to go through, whatever the store does to check itself.
        if (!asked) await store.Timers.NamespacesAsync(cancellationToken).ConfigureAwait(false);
    }

    private static void CheckOverdue(string ns, TimeSpan overdue, TimerPause? pause, LatchworkHealthOptions wanted, Report report)
    {
        report.Data[$"overdue:{ns}"] = overdue;
        if (pause is not null)
        {
            // Somebody wants it so: what is overdue meanwhile says nothing about this application.
            string paused = string.Create(CultureInfo.InvariantCulture, $"by {pause.By} since {pause.Since:u}{(pause.Reason.Length > 0 ? ": " : "")}{pause.Reason}");
            report.Data[$"paused:{ns}"] = paused;
            report.Add(wanted.Paused, $"Namespace '{ns}' is paused {paused}.");
            return;
        }

        HealthStatus status = overdue > wanted.UnhealthyOverdue ? HealthStatus.Unhealthy
            : overdue > wanted.DegradedOverdue ? HealthStatus.Degraded
            : HealthStatus.Healthy;
        if (status == HealthStatus.Healthy) return;
        report.Add(status, string.Create(CultureInfo.InvariantCulture, $"The oldest event of namespace '{ns}' is overdue by {overdue.TotalSeconds:0.#} s."));
    }

    private void CheckListeners(LatchworkHealthOptions wanted, Report report)
    {
        foreach (TimerRegistration timer in registration.Timers.Where(timer => timer.Handler is not null))
        {
            bool joined = registration.TimerOf(services, timer.Namespace).IsJoined;
            report.Data[$"joined:{timer.Namespace}"] = joined;
            if (!joined) report.Add(wanted.NotJoined, $"Namespace '{timer.Namespace}' is not joined.");
        }
    }

    /// <summary>Gathers what was found: the worst of it counts, all of it is reported.</summary>
    private sealed class Report(HealthStatus failureStatus)
    {
        private readonly List<string> _findings = [];
        private HealthStatus _status = HealthStatus.Healthy;
        private Exception? _exception;

        public Dictionary<string, object> Data { get; } = [];

        public void Add(HealthStatus status, string finding, Exception? exception = null)
        {
            _findings.Add(finding);
            _exception ??= exception;
            // What is unhealthy for us is what the application said it should be.
            HealthStatus counted = status == HealthStatus.Unhealthy ? failureStatus : status;
            if (counted < _status) _status = counted;
        }

        public HealthCheckResult ToResult() =>
            new(_status, _findings.Count == 0 ? "All is well." : string.Join(' ', _findings), _exception, Data);
    }
}
