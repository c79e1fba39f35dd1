namespace Latchwork.Locking;

/// <content>While the lock is this process's.</content>
internal sealed partial class KeyFlight
{
    /// <summary>Gives the lock to the caller who has waited longest, or runs its work, and waits for the end of the ownership.</summary>
    private async Task HoldAsync(HeldLock held)
    {
        held.Flight = this;
        FlightCaller? owner;
        SharedRun? run = null;
        lock (_gate)
        {
            owner = _shutDown is null ? _callers.First?.Value : null;
            if (owner?.Work is { } work)
            {
                _run = run = new SharedRun(_core, this, held, owner, work);
            }
            else if (owner is not null)
            {
                _callers.Remove(owner.Node);
            }

            _held = owner is null ? null : held;
        }

        if (run is not null) run.Start();
        else if (owner is not null) owner.Give(held);
        else await held.ReleaseAsync().ConfigureAwait(false); // everybody left while the request was on its way

        LockEnding ending = await held.Ended.ConfigureAwait(false);
        lock (_gate)
        {
            _run = null;
            _held = null;
        }

        if (ending.End == LockEnd.Published && !_lockOnly)
        {
            foreach (FlightCaller caller in TakeUpTo(ending.Ticket)) caller.Give(ending.Outcome!, ending.Original, run, owner);
            _waitingFor = null; // who is still here called after the publication was sent
        }
        else if (ending.End == LockEnd.LockTimeout && run is not null)
        {
            FailAll(new LockTimeoutException($"The work for the key '{_key}' took longer than its lock timeout of {Durations.Text(_core.Options.LockTimeout)}."));
        }
    }
}
