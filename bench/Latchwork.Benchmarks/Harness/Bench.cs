using System.Globalization;

namespace Latchwork.Benchmarks.Harness;

/// <summary>What a section has at hand while it runs: the server, contenders, and a place for its figures.</summary>
internal sealed class Bench(Options options, RedisProcess server, string root, SectionResult result) : IAsyncDisposable
{
    private static int _namespaces;
    private readonly List<ContenderProcess> _started = [];

    public Options Options => options;

    public RedisProcess Server => server;

    public string Root => root;

    public SectionResult Result => result;

    /// <summary>A name that was not used before in this run.</summary>
    public static string NewName() => string.Create(CultureInfo.InvariantCulture, $"b{Interlocked.Increment(ref _namespaces)}");

    /// <summary>A contender on the run's Redis; it ends with the section.</summary>
    public Task<ContenderProcess> StartPeerAsync(string name) => StartAsync(name, server.Port.ToString(CultureInfo.InvariantCulture));

    /// <summary>One of ours, on the run's Redis unless said otherwise; it ends with the section.</summary>
    /// <param name="store">Its address.</param>
    /// <param name="spins">Whether idle threads of its pool spin before they sleep, as .NET has it (a program says otherwise with <c>ThreadPoolSpinCount</c>).</param>
    public Task<ContenderProcess> StartOursAsync(string? store = null, bool spins = true) => StartAsync("latchwork", store ?? server.Uri, spins);

    public async Task<ContenderProcess> StartAsync(string name, string store, bool spins = true)
    {
        ContenderProcess contender = await ContenderProcess.StartAsync(name, store, root, spins);
        _started.Add(contender);
        return contender;
    }

    /// <summary>Keeps a figure, and says it.</summary>
    public void Add(string work, string who, string unit, double value, double? at = null)
    {
        result.Add(work, who, unit, value, at);
        ResultFiles.Write(options.Out, result);
        string where = at is { } x ? string.Create(CultureInfo.InvariantCulture, $" at {x:N0}") : "";
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    {work}{where} · {who}: {Rendering.Text.Number(value)} {unit}"));
    }

    public void Note(string text)
    {
        if (result.Notes.Contains(text)) return;
        result.Notes.Add(text);
        ResultFiles.Write(options.Out, result);
        Console.WriteLine($"    {text}");
    }

    /// <summary>One contender's turn. What fails there is noted, and the others have theirs.</summary>
    public async Task TurnAsync(string who, Func<Task> turn)
    {
        try
        {
            await turn();
        }
        catch (Exception e) when (e is InvalidOperationException or IOException) // an answer that says so, or a process that has ended
        {
            Note($"{who} failed: {e.Message.Split('\n')[0]}");
        }
    }

    /// <summary>What the server did meanwhile.</summary>
    public async Task<(T Answer, ServerWork Work)> MeterAsync<T>(Func<Task<T>> work)
    {
        ServerWork before = ServerMeter.Look(server);
        T answer = await work();
        return (answer, ServerMeter.Look(server) - before);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ContenderProcess contender in _started) await contender.DisposeAsync();
        _started.Clear();
    }
}
