using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo;

/// <summary>
/// Measures during the demo for how long the machine or the store did not react at most. The demo's leases last a second or two, so on a
/// machine that stalls for as long its claims fail for a reason that is not the library's.
/// </summary>
internal sealed class DemoPulse : IAsyncDisposable
{
    /// <summary>Shorter stalls are not worth a word.</summary>
    public static readonly TimeSpan Noticeable = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(20);

    private readonly LatchworkStore _store;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly Task _beating;
    private long _beatBegan;
    private TimeSpan _longest;

    /// <summary>Begins to measure.</summary>
    /// <param name="store">A store of its own, of the kind that the demo runs on; disposed with this.</param>
    /// <param name="time">The clock.</param>
    public DemoPulse(LatchworkStore store, TimeProvider time)
    {
        _store = store;
        _time = time;
        _beatBegan = time.GetTimestamp();
        _beating = BeatAsync();
    }

    /// <summary>The longest stall so far, one that is still going on included.</summary>
    public TimeSpan LongestStall
    {
        get
        {
            lock (_gate)
            {
                TimeSpan current = _time.GetElapsedTime(_beatBegan) - _pause;
                return current > _longest ? current : _longest;
            }
        }
    }

    /// <summary>What a failed claim should add; empty if nothing stalled.</summary>
    public string Excuse => LongestStall is var stall && stall < Noticeable
        ? ""
        : $"; but the machine or the store stalled for {Printable.Duration(stall)} meanwhile, so try again";

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _beating.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // by the token
        _stop.Dispose();
        await _store.DisposeAsync().ConfigureAwait(false);
    }

    private async Task BeatAsync()
    {
        while (true)
        {
            await Task.Delay(_pause, _time, _stop.Token).ConfigureAwait(false);
            await AskAsync().ConfigureAwait(false);
            lock (_gate)
            {
                TimeSpan stall = _time.GetElapsedTime(_beatBegan) - _pause;
                if (stall > _longest) _longest = stall;
                _beatBegan = _time.GetTimestamp();
            }
        }
    }

    private async Task AskAsync()
    {
        try
        {
            await _store.Timers.NamespacesAsync(_stop.Token).ConfigureAwait(false);
        }
        catch (LatchworkStoreException) when (!_stop.IsCancellationRequested)
        {
            // A store that does not answer: the time that it took counts, and the acts tell what they make of it.
        }
    }
}
