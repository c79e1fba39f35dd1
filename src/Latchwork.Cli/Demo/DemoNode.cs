using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Latchwork.Cli.Demo;

/// <summary>A node as the demo sees it: a process, this tool again. Disposing it lets it leave its store.</summary>
internal sealed class DemoNode : IAsyncDisposable
{
    private static readonly TimeSpan _leaveTimeout = TimeSpan.FromSeconds(5);

    private readonly NodeStart _start;
    private readonly Action<string, NodeReport> _record;
    private readonly Action<CliException> _lost;
    private readonly Process _process = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task? _reading;
    private volatile bool _isLeaving;

    /// <param name="start">Its first order.</param>
    /// <param name="record">Called for each of its reports, one after the other.</param>
    /// <param name="lost">Called if it dies by itself.</param>
    public DemoNode(NodeStart start, Action<string, NodeReport> record, Action<CliException> lost) => (_start, _record, _lost) = (start, record, lost);

    public string Name => _start.Name;

    public bool IsKilled { get; private set; }

    /// <summary>Starts it and waits until it listens.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        string[] words = [.. ThisTool.CommandLine(), NodeProgram.Verb];
        _process.StartInfo = new ProcessStartInfo(words[0], words[1..])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process.Start();
        _reading = ReadAsync(_process.StandardError.ReadToEndAsync(CancellationToken.None));
        Send(_start, DemoJson.Default.NodeStart);
        await _ready.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public void Send(NodeOrder order) => Send(order, DemoJson.Default.NodeOrder);

    /// <summary>Kills it: it finishes nothing. Afterwards all that it reported before is recorded.</summary>
    public async Task KillAsync()
    {
        IsKilled = true;
        _process.Kill();
        await _reading!.ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (_reading is not null)
        {
            _isLeaving = true;
            if (!IsKilled) Send(NodeOrder.Leave);
            await Task.WhenAny(_reading, Task.Delay(_leaveTimeout, TimeProvider.System)).ConfigureAwait(false);
            if (!_reading.IsCompleted) _process.Kill();
            await _reading.ConfigureAwait(false);
        }

        _process.Dispose();
    }

    private void Send<T>(T message, JsonTypeInfo<T> type)
    {
        try
        {
            _process.StandardInput.BaseStream.Write(DemoJson.Line(message, type));
            _process.StandardInput.BaseStream.Flush();
        }
        catch (IOException)
        {
            // It is dead. Whoever reads its output notices.
        }
    }

    private async Task ReadAsync(Task<string> error)
    {
        try
        {
            while (await _process.StandardOutput.ReadLineAsync(CancellationToken.None).ConfigureAwait(false) is { } line)
            {
                NodeReport report = JsonSerializer.Deserialize(line, DemoJson.Default.NodeReport)!;
                if (report.Act == NodeAct.Ready) _ready.TrySetResult();
                else _record(Name, report);
            }

            await _process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
            if (!IsKilled && !_isLeaving) Lose($"ended by itself, with exit code {_process.ExitCode}: {await error.ConfigureAwait(false)}");
        }
        catch (JsonException e)
        {
            Lose($"wrote something that is not a report: {e.Message}");
        }
    }

    private void Lose(string how)
    {
        var loss = new CliException(ExitCodes.Failure, $"the demo's process {Name} {how}");
        _ready.TrySetException(loss);
        _lost(loss);
    }
}
