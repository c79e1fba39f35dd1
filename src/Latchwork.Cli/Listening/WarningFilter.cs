using Latchwork.Cli.Output;

namespace Latchwork.Cli.Listening;

/// <summary>Passes warnings on, but the same one only every few seconds: a store that is away for an hour fills no screen.</summary>
internal sealed class WarningFilter
{
    private static readonly TimeSpan _quiet = TimeSpan.FromSeconds(10);

    private readonly Printer _printer;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private string? _last;
    private long _lastAt;

    public WarningFilter(Printer printer, TimeProvider time)
    {
        _printer = printer;
        _time = time;
    }

    public void Warn(string message)
    {
        lock (_gate)
        {
            if (message == _last && _time.GetElapsedTime(_lastAt) < _quiet) return;
            _last = message;
            _lastAt = _time.GetTimestamp();
        }

        _printer.Warn(message);
    }
}
