using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace Latchwork.Cli.Demo.Cast;

/// <summary>A node that is a process: this tool again. Orders go to its standard input, reports come from its standard output.</summary>
internal sealed class ProcessActor : IDemoActor
{
    private const int KeptError = 2_000;

    // What a node has to leave in order; then it is killed.
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(5);

    private readonly Casting _casting;
    private readonly string _store;
    private readonly Action<DemoReport> _hear;
    private readonly Action<CliException> _lost;
    private readonly Process _process = new();
    private readonly StringBuilder _error = new();
    private readonly Lock _telling = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _reading = Task.CompletedTask;
    private volatile bool _isKilled;
    private volatile bool _isLeaving;
    private bool _isStarted;
    private int _disposed;

    /// <summary>Creates it; it is not started yet.</summary>
    /// <param name="casting">Who it is.</param>
    /// <param name="store">The address of its store.</param>
    /// <param name="hear">Told of what it reports, one after the other.</param>
    /// <param name="lost">Told if it dies by itself.</param>
    public ProcessActor(Casting casting, string store, Action<DemoReport> hear, Action<CliException> lost)
    {
        _casting = casting;
        _store = store;
        _hear = hear;
        _lost = lost;
    }

    public string Name => _casting.Name;

    public bool IsKilled => _isKilled;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        string[] words = [.. ThisTool.CommandLine(), DemoChild.Verb];
        _process.StartInfo = new ProcessStartInfo(words[0], words[1..])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process.ErrorDataReceived += (_, e) => KeepError(e.Data);
        try
        {
            _process.Start();
        }
        catch (Win32Exception e)
        {
            throw new CliException(ExitCodes.Failure, $"the demo's process {Name} cannot be started: {e.Message}", e);
        }

        _isStarted = true;
        _process.BeginErrorReadLine();
        Tell(new Play(_casting, _store));
        _reading = ReadAsync();
        await _ready.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public void Tell(DemoOrder order)
    {
        try
        {
            lock (_telling)
            {
                Stream input = _process.StandardInput.BaseStream;
                input.Write(DemoJson.Line(order, DemoJson.Default.DemoOrder));
                input.Flush();
            }
        }
        catch (IOException)
        {
            // It is dead. Whoever reads its output notices, and says so unless it was to die.
        }
    }

    public async Task KillAsync()
    {
        _isKilled = true;
        _process.Kill();
        await _reading.ConfigureAwait(false);
        await _process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        if (_isStarted) await EndAsync().ConfigureAwait(false);
        _process.Dispose();
    }

    private async Task EndAsync()
    {
        _isLeaving = true;
        if (!_isKilled) Tell(new Leave());
        Task ended = Task.WhenAll(_reading, _process.WaitForExitAsync(CancellationToken.None));
        await Task.WhenAny(ended, Task.Delay(_patience, TimeProvider.System, CancellationToken.None)).ConfigureAwait(false);
        if (!ended.IsCompleted) _process.Kill();
        await ended.ConfigureAwait(false);
    }

    private async Task ReadAsync()
    {
        try
        {
            StreamReader output = _process.StandardOutput;
            while (await output.ReadLineAsync(CancellationToken.None).ConfigureAwait(false) is { } line) Hear(line);
            await _process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
            if (!_isKilled && !_isLeaving) Fail($"ended by itself, with exit code {_process.ExitCode}: {ErrorText()}");
        }
        catch (JsonException e)
        {
            Fail($"wrote what is no report: {e.Message}");
        }
    }

    private void Hear(string line)
    {
        DemoReport report = JsonSerializer.Deserialize(line, DemoJson.Default.DemoReport)!;
        if (report is Ready) _ready.TrySetResult();
        else _hear(report);
    }

    private void Fail(string what)
    {
        var failure = new CliException(ExitCodes.Failure, $"the demo's process {Name} {what}");
        _ready.TrySetException(failure);
        _lost(failure);
    }

    private void KeepError(string? line)
    {
        lock (_error)
        {
            if (line is { Length: > 0 } && _error.Length < KeptError) _error.Append(_error.Length == 0 ? "" : " ").Append(line);
        }
    }

    private string ErrorText()
    {
        lock (_error) return _error.Length == 0 ? "it said nothing" : _error.ToString();
    }
}
