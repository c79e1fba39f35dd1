using System.Globalization;
using Latchwork;
using Latchwork.Worker;

// One node in a process of its own: dotnet Latchwork.Worker.dll URI LEASE-MS RECHECK-MS. It takes commands from standard input, a line each
// (see LockerCommands and TimerCommands), and ends when its standard input does. Or: dotnet Latchwork.Worker.dll host PATH NAMESPACE, see HostedNode.
if (args[0] == "host")
{
    await HostedNode.RunAsync(args[1], args[2]);
    return;
}

await using LatchworkStore store = await OpenAsync(args[0]);
await using var locker = new ProcessLocker(store, new LockerOptions
{
    LeaseDuration = Milliseconds(args[1]),
    FallbackPollInterval = Milliseconds(args[2]),
    WaitTimeout = TimeSpan.FromMinutes(2),
});
await using var timers = new TimerCommands(store, Milliseconds(args[1]));
var locks = new LockerCommands(locker);
Output.Write("ready");
while (await Console.In.ReadLineAsync() is { } line)
{
    // Not awaited: a command that waits must not keep the next one from being read.
    string[] words = line.Split(' ');
    _ = words[0] == "timer" ? timers.RunAsync(words[1..]) : locks.RunAsync(words);
}

static async Task<LatchworkStore> OpenAsync(string uri)
{
    if (uri.StartsWith("sqlite:", StringComparison.Ordinal)) return await SqliteStore.OpenAsync(uri["sqlite:".Length..]);
    string patient = $"{uri}{(uri.Contains('?') ? '&' : '?')}connectTimeout=1m&commandTimeout=1m"; // many workers may share few cores
    return await RedisStore.ConnectAsync(patient);
}

static TimeSpan Milliseconds(string text) => TimeSpan.FromMilliseconds(int.Parse(text, CultureInfo.InvariantCulture));
