using System.Runtime.CompilerServices;
using Latchwork.Storage;
using Latchwork.Threading;

namespace Latchwork.Hosting;

/// <summary>The maintenance of a <see cref="ConnectingStore"/>: made when the store is open.</summary>
internal sealed class ConnectingStoreMaintenance(ConnectingStore owner) : DelegatingStoreMaintenance
{
    /// <remarks>Only the open store knows all that makes it this one.</remarks>
    /// <exception cref="LatchworkStoreException">It is not open yet.</exception>
    public override string Place => Of(owner.GetIfOpen()).Place;

    public override async IAsyncEnumerable<StoreFinding> ExamineAsync(string? ns, bool fix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        LatchworkStore store = await owner.GetAsync(cancellationToken).ConfigureAwait(false);
        await foreach (StoreFinding finding in Of(store).ExamineAsync(ns, fix, cancellationToken).ConfigureAwait(false))
        {
            if (CallerThread.IsShared) await CallerThread.Yield();
            yield return finding;
        }

        // Code of users continues here, and may block: never on the store's own thread.
        if (CallerThread.IsShared) await CallerThread.Yield();
    }

    protected override Task<T> PassAsync<T>(Func<IStoreMaintenance, Task<T>> call, CancellationToken cancellationToken) =>
        owner.PassAsync(store => call(Of(store)), cancellationToken).OffStoreThread();

    private static IStoreMaintenance Of(LatchworkStore store) => store.Maintenance ?? throw new NotSupportedException($"{store.Description} has no maintenance: it ends with the process.");
}
