namespace Latchwork;

/// <summary>The places for deliveries on this node, shared by all partitions: reserved before a claim is sent, given back when unused or done.</summary>
internal sealed class InFlightCapacity
{
    private readonly int _max;
    private readonly Action _appeared;
    private int _free;

    /// <param name="max">The places in all.</param>
    /// <param name="appeared">Called when places were given back; must be short.</param>
    public InFlightCapacity(int max, Action appeared)
    {
        _max = max;
        _free = max;
        _appeared = appeared;
    }

    /// <summary>The places that are free now.</summary>
    public int Free => Volatile.Read(ref _free);

    /// <summary>The places that are taken or reserved.</summary>
    public int Taken => _max - Free;

    /// <summary>Takes up to <paramref name="want"/> places, as many as there are.</summary>
    public int Reserve(int want)
    {
        while (true)
        {
            int free = Volatile.Read(ref _free);
            int take = Math.Min(want, free);
            if (take <= 0) return 0;
            if (Interlocked.CompareExchange(ref _free, free - take, free) == free) return take;
        }
    }

    /// <summary>Gives places back, and says so.</summary>
    public void GiveBack(int places)
    {
        if (places == 0) return;
        Interlocked.Add(ref _free, places);
        _appeared();
    }
}
