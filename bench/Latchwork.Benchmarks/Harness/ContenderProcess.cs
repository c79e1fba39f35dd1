using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Latchwork.Benchmarks.Harness;

/// <summary>
/// A contender in a process of its own, ours like theirs: it takes requests (JSON, a line each) from standard input and answers each on
/// standard output. Disposing it ends the process.
/// </summary>
internal sealed class ContenderProcess : IAsyncDisposable
{
    private static readonly string[] _libraries = ["hangfire", "hangfire-postgres", "quartz-postgres", "distributedlock", "redlock", "fusioncache"];

    private readonly Process _process;
    private readonly StringBuilder _errors = new();
    private bool _disposed;

    private ContenderProcess(string name, Process process)
    {
        Name = name;
        _process = process;
        process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
            {
                if (_errors.Length < 4000) _errors.AppendLine(line.Data);
            }
        };
        process.BeginErrorReadLine();
    }

    public string Name { get; }

    public int Id => _process.Id;

    /// <summary>Starts one.</summary>
    /// <param name="name">A kind of ours (see <c>Contenders</c>), the name of a file under <c>bench/peers</c>, or a library of bench/Latchwork.Benchmarks.Peers.</param>
    /// <param name="store">The store's address for ours; for peers the port, and perhaps a word more after a space.</param>
    /// <param name="root">The repository's root.</param>
    /// <param name="spins">Whether idle threads of .NET's pool spin before they sleep.</param>
    public static async Task<ContenderProcess> StartAsync(string name, string store, string root, bool spins = true)
    {
        string script = Path.Combine(root, "bench", "peers", $"{name}.mjs");
        string[] words;
        if (File.Exists(script))
        {
            words = ["node", script, .. store.Split(' ')];
        }
        else if (_libraries.Contains(name))
        {
            words = ["dotnet", Path.Combine(root, "bench", "Latchwork.Benchmarks.Peers", "bin", "Release", "net10.0", "Latchwork.Benchmarks.Peers.dll"), name, store];
        }
        else
        {
            words = [Environment.ProcessPath!, "contender", name, store];
            if (Path.GetFileNameWithoutExtension(words[0]) == "dotnet") words = [words[0], typeof(ContenderProcess).Assembly.Location, .. words[1..]];
        }

        var start = new ProcessStartInfo(words[0], words[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // The old client of dtimer speaks of deprecations.
        start.Environment["NODE_NO_WARNINGS"] = "1";
        if (!spins) start.Environment["DOTNET_ThreadPool_UnfairSemaphoreSpinLimit"] = "0";
        var contender = new ContenderProcess(name, Process.Start(start) ?? throw new InvalidOperationException($"{name} did not start."));
        try
        {
            await contender.ReadAsync(TimeSpan.FromSeconds(30));
            return contender;
        }
        catch
        {
            await contender.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks for something and waits for the answer.</summary>
    /// <param name="verb">What to do.</param>
    /// <param name="arguments">Its arguments, an anonymous object.</param>
    /// <param name="limit">How long it may take, in seconds.</param>
    /// <exception cref="InvalidOperationException">It failed, ended, or took too long.</exception>
    public async Task<JsonObject> AskAsync(string verb, object? arguments = null, double limit = 120)
    {
        JsonObject request = arguments is null ? [] : System.Text.Json.JsonSerializer.SerializeToNode(arguments)!.AsObject();
        request["do"] = verb;
        await _process.StandardInput.WriteLineAsync(request.ToJsonString());
        await _process.StandardInput.FlushAsync();
        return await ReadAsync(TimeSpan.FromSeconds(limit));
    }

    /// <summary>Ends the process immediately (SIGKILL).</summary>
    public void Kill() => _process.Kill();

    public ValueTask DisposeAsync()
    {
        if (_disposed) return ValueTask.CompletedTask;
        _disposed = true;
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<JsonObject> ReadAsync(TimeSpan limit)
    {
        string? line;
        try
        {
            line = await _process.StandardOutput.ReadLineAsync().WaitAsync(limit);
        }
        catch (TimeoutException)
        {
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"{Name} gave no answer within {limit.TotalSeconds} s. {Errors}"));
        }

        JsonObject answer = line is null ? throw new InvalidOperationException($"{Name} ended. {Errors}") : JsonNode.Parse(line)!.AsObject();
        return answer["error"] is { } error ? throw new InvalidOperationException($"{Name}: {error} {Errors}") : answer;
    }

    private string Errors
    {
        get
        {
            lock (_errors) return _errors.ToString();
        }
    }
}

internal static class AnswerExtensions
{
    public static double Number(this JsonObject answer, string name) =>
        answer[name]?.GetValue<double>() ?? throw new InvalidOperationException($"The answer has no '{name}': {answer.ToJsonString()}");

    public static double[] Numbers(this JsonObject answer, string name) => [.. answer[name]!.AsArray().Select(node => node!.GetValue<double>())];
}
