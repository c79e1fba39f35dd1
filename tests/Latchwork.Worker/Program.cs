using System.Globalization;
using Latchwork;
using Latchwork.Worker;

// One node in a process of its own: dotnet Latchwork.Worker.dll URI LEASE-MS RECHECK-MS. It takes commands from standard input, a line each
// (see LockerCommands), and ends when its standard input does.
RedisOptions options = RedisOptions.Parse(args[0]);
options.ConnectTimeout = options.CommandTimeout = TimeSpan.FromMinutes(1); // many workers may share few cores
await using RedisStore store = await RedisStore.ConnectAsync(options);
await using var locker = new ProcessLocker(store, new LockerOptions
{
    Lease = Milliseconds(args[1]),
    RecheckInterval = Milliseconds(args[2]),
    WaitTimeout = TimeSpan.FromMinutes(2),
});
var commands = new LockerCommands(locker);
Output.Write("ready");
while (await Console.In.ReadLineAsync() is { } line)
{
    // Not awaited: a command that waits must not keep the next one from being read.
    _ = commands.RunAsync(line.Split(' '));
}

static TimeSpan Milliseconds(string text) => TimeSpan.FromMilliseconds(int.Parse(text, CultureInfo.InvariantCulture));
