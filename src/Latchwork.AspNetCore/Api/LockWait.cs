using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork.Api;

/// <summary>
/// A request for a key on behalf of a client that renews the lease itself. It asks; while the key is held it is told by the store when that may have changed, and
/// asks again then, when the owner's lease has run out, and once a second in case a message was lost.
/// </summary>
internal sealed class LockWait(HttpApi api, LockerKey key, LockerRequest request)
{
    /// <summary>As the locker of the library.</summary>
    public static readonly TimeSpan FallbackPollInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan _roundedUp = TimeSpan.FromMilliseconds(1);

    private TaskCompletionSource _notified = New();

    /// <summary>Asks until the key is granted or done, or the time is over.</summary>
    /// <param name="wait">How long to wait.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The last answer of the store: a <see cref="LockHeld"/> if the time is over.</returns>
    public async Task<LockerReply> RunAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        long start = api.Time.GetTimestamp();
        LockerReply reply = await AskAsync(cancellationToken).ConfigureAwait(false);
        if (reply is not LockHeld first || wait == TimeSpan.Zero) return reply;

        // The mark is set, so from the acknowledgement of this on whatever happens is told; what happened before is seen by asking again.
        request = request with { WaitingFor = first.FencingToken };
        IAsyncDisposable subscription = await api.Store.Locks.SubscribeAsync(key, _ => Volatile.Read(ref _notified).TrySetResult(), cancellationToken).OffStoreThread().ConfigureAwait(false);
        await using (subscription.ConfigureAwait(false))
        {
            while (true)
            {
                Task notified = (_notified = New()).Task; // before asking: what is told from here on is heard
                reply = await AskAsync(cancellationToken).ConfigureAwait(false);
                if (reply is not LockHeld held) return reply;
                TimeSpan left = wait - api.Time.GetElapsedTime(start);
                if (left <= TimeSpan.Zero) return reply;
                TimeSpan pause = Least(left, Least(held.LeaseLeft + _roundedUp, FallbackPollInterval));
                await notified.WaitAsync(pause, api.Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
    }

    private async Task<LockerReply> AskAsync(CancellationToken cancellationToken) =>
        await api.Store.Locks.RequestAsync(key, request, cancellationToken).OffStoreThread().ConfigureAwait(false);

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static TimeSpan Least(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
