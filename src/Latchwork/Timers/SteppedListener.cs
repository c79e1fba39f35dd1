using Latchwork.Storage;

namespace Latchwork;

/// <summary>
/// A listener that never asks by itself: it claims one event and handles it to its end, when it is told to. Everything but the claim loop is
/// the engine's own, so a test that steps sees the leases, retries and dead letters of the real thing.
/// </summary>
internal sealed class SteppedListener : IDisposable
{
    /// <summary>The store's leases end at whole milliseconds.</summary>
    private static readonly TimeSpan _roundedUp = TimeSpan.FromMilliseconds(1);

    private readonly LeaseHolder _holder;
    private readonly Intake _intake;
    private readonly PartitionClient[] _clients;
    private readonly IDisposable _listener;
    private TaskCompletionSource? _ran;

    /// <param name="holder">Holds what is claimed.</param>
    /// <param name="intake">Takes in what is claimed.</param>
    /// <param name="clients">The partitions.</param>
    /// <param name="listener">Is disposed with this.</param>
    public SteppedListener(LeaseHolder holder, Intake intake, PartitionClient[] clients, IDisposable listener)
    {
        _holder = holder;
        _intake = intake;
        _clients = clients;
        _listener = listener;
        holder.Ran = _ => _ran?.TrySetResult();
    }

    private ITimerStore Store => _holder.Store;

    private TimerSettings Settings => _holder.Settings;

    /// <summary>How long until something is due: an event, or the end of a lease that is not extended. Null if nothing is. In a pause no event is.</summary>
    public async Task<TimeSpan?> NextAsync()
    {
        TimeSpan? next = null;
        foreach (PartitionClient client in _clients)
        {
            if ((await Store.GetStatsAsync(client.Partition, CancellationToken.None).ConfigureAwait(false)).Pause is not null) continue;
            TimerPage page = await Store.UpcomingAsync(client.Partition, null, null, null, 1, CancellationToken.None).ConfigureAwait(false);
            if (page.Items.Count > 0) next = Earlier(next, page.Items[0].Due - Settings.Time.GetUtcNow()); // exactly; what is shown is rounded
        }

        foreach (TimerDelivery held in _holder.Held.ToArray()) next = Earlier(next, held.Deadline - _holder.Now + _roundedUp);
        return next < TimeSpan.Zero ? TimeSpan.Zero : next;
    }

    /// <summary>For how long the oldest event has been due; null if none is.</summary>
    public async Task<TimeSpan?> OverdueAsync()
    {
        TimeSpan? overdue = null;
        foreach (PartitionClient client in _clients)
        {
            // A claim of nothing takes back what has a lease that ran out.
            await Store.ClaimAsync(client.Partition, Request($"look-{Guid.NewGuid():N}", 0), CancellationToken.None).ConfigureAwait(false);
            TimerStats stats = await Store.GetStatsAsync(client.Partition, CancellationToken.None).ConfigureAwait(false);
            if (stats.Pause is null && stats.OldestOverdue is { } one && (overdue is null || one > overdue)) overdue = one;
        }

        return overdue;
    }

    /// <summary>Claims one event that is due and handles it to its end.</summary>
    /// <param name="timeout">How long the handler may take, in real time.</param>
    /// <returns>The delivery; null if nothing is due.</returns>
    /// <exception cref="TimeoutException">The handler took longer.</exception>
    public async Task<TimerDelivery?> StepAsync(TimeSpan timeout)
    {
        foreach (PartitionClient client in _clients)
        {
            string token = $"step-{Guid.NewGuid():N}";
            TimerClaim claim = await Store.ClaimAsync(client.Partition, Request(token, 1), CancellationToken.None).ConfigureAwait(false);
            if (claim.Events.Count == 0) continue;

            _holder.Capacity.Occupy(1);
            _ran = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            TimeSpan now = _holder.Now;
            var delivery = new TimerDelivery(_holder, client, claim.Events[0], token, now, now + Settings.LeaseDuration);
            await _intake.ReceiveAsync([delivery], Settings.LeaseDuration).ConfigureAwait(false);
            await _ran.Task.WaitAsync(timeout, TimeProvider.System).ConfigureAwait(false);
            return delivery;
        }

        return null;
    }

    public void Dispose() => _listener.Dispose();

    private ClaimRequest Request(string token, int max) => new(Settings.NodeId, token, max, max, 0, Settings.LeaseDuration, Settings.DeadLetters);

    private static TimeSpan? Earlier(TimeSpan? a, TimeSpan b) => a < b ? a : b;
}
