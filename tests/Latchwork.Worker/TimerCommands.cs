using System.Globalization;

namespace Latchwork.Worker;

/// <summary>The commands of a worker that begin with <c>timer</c>. Each answers with one line or more; a fault is the line <c>error</c>.</summary>
internal sealed class TimerCommands(LatchworkStore store, TimeSpan confirmTimeout) : IAsyncDisposable
{
    private readonly List<DistributedTimer> _timers = [];

    public async Task RunAsync(string[] words)
    {
        await Task.Yield();
        try
        {
            await (words[0] switch
            {
                "flood" => FloodAsync(words[1], words[2], int.Parse(words[3], CultureInfo.InvariantCulture)),
                "post" => PostAsync(words[1], words[2], int.Parse(words[3], CultureInfo.InvariantCulture)),
                "listen" => ListenAsync(words[1]),
                "hold" => HoldAsync(words[1]),
                _ => throw new ArgumentException($"Unknown command 'timer {words[0]}'."),
            });
        }
        catch (Exception e)
        {
            Output.Write("error", words[0], e.GetType().Name, e.Message.ReplaceLineEndings(" "));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (DistributedTimer timer in _timers) await timer.DisposeAsync();
    }

    /// <summary><c>timer flood NAMESPACE PREFIX CALLERS</c>: that many callers post one event after the other, due in an hour, until the process ends. <c>posted ID</c> for each.</summary>
    private Task FloodAsync(string ns, string prefix, int callers)
    {
        DistributedTimer timer = New(ns);
        return Task.WhenAll(Enumerable.Range(0, callers).Select(async caller =>
        {
            for (int i = 0; ; i++)
            {
                string id = $"{prefix}-{caller}-{i}";
                await timer.PostAsync(id, TimeSpan.FromHours(1), new() { Id = id });
                Output.Write("posted", id);
            }
        }));
    }

    /// <summary><c>timer post NAMESPACE ID MS</c>: <c>posted ID STARTED</c>, with the time at which it was begun.</summary>
    private async Task PostAsync(string ns, string id, int delay)
    {
        DistributedTimer timer = New(ns);
        long started = Output.Now;
        await timer.PostAsync(id, TimeSpan.FromMilliseconds(delay), new() { Id = id });
        Output.Write("posted", id, started);
    }

    /// <summary><c>timer listen NAMESPACE</c>: <c>joined</c>, then <c>got ID RETRIES</c> for each delivery and <c>confirmed ID</c> when its confirmation was acknowledged.</summary>
    private async Task ListenAsync(string ns)
    {
        await New(ns, Confirmation.Manual).JoinAsync(async (delivery, _) =>
        {
            Output.Write("got", delivery.Id, delivery.Retries);
            if (await delivery.ConfirmAsync() == TimerOutcome.Done) Output.Write("confirmed", delivery.Id);
        });
        Output.Write("joined");
    }

    /// <summary><c>timer hold NAMESPACE</c>: <c>joined</c>, then <c>got ID RETRIES</c> for each delivery, which is held until the process ends.</summary>
    private async Task HoldAsync(string ns)
    {
        await New(ns).JoinAsync((delivery, cancellationToken) =>
        {
            Output.Write("got", delivery.Id, delivery.Retries);
            return Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        });
        Output.Write("joined");
    }

    private DistributedTimer New(string ns, Confirmation confirmation = Confirmation.AfterHandler)
    {
        var timer = new DistributedTimer(store, new() { Namespace = ns, LeaseDuration = confirmTimeout, Confirmation = confirmation });
        _timers.Add(timer);
        return timer;
    }
}
