using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Latchwork.Worker;

/// <summary>The commands of a worker. Each answers with one line or more; a fault is the line <c>error</c>.</summary>
internal sealed class LockerCommands(ProcessLocker locker)
{
    private readonly ConcurrentDictionary<string, WorkLease> _leases = new();

    public async Task RunAsync(string[] words)
    {
        await Task.Yield();
        try
        {
            await (words[0] switch
            {
                "once" => OnceAsync(words[1], Number(words[2]), Number(words[3])),
                "wait" => WaitAsync(words[1], Number(words[2])),
                "hold" => HoldAsync(words[1]),
                "held" => HeldAsync(words[1]),
                "publish" => PublishAsync(words[1], words[2]),
                "release" => ReleaseAsync(words[1]),
                "store" => StoreAsync(words[1], Number(words[2])),
                _ => throw new ArgumentException($"Unknown command '{words[0]}'."),
            });
        }
        catch (Exception e)
        {
            Output.Write("error", words[0], e.GetType().Name, e.Message.ReplaceLineEndings(" "));
        }
    }

    private static int Number(string word) => int.Parse(word, CultureInfo.InvariantCulture);

    /// <summary>
    /// <c>once PREFIX KEYS CALLERS</c>: that many callers immediately for each of some keys. <c>ran KEY</c> for each run of a factory here, then
    /// <c>got KEY HASH COUNT</c> for each result that callers got, then <c>finished</c>.
    /// </summary>
    private async Task OnceAsync(string prefix, int keys, int callers)
    {
        byte[][] results = await Task.WhenAll(Enumerable.Range(0, callers).Select(i => CallAsync($"{prefix}-{i % keys}")));
        IEnumerable<(string Key, string Hash)> got = results.Select((bytes, i) => ($"{prefix}-{i % keys}", Convert.ToHexString(SHA256.HashData(bytes))));
        foreach (IGrouping<(string Key, string Hash), (string Key, string Hash)> same in got.GroupBy(pair => pair)) Output.Write("got", same.Key.Key, same.Key.Hash, same.Count());
        Output.Write("finished");

        async Task<byte[]> CallAsync(string key) => (await locker.RunOnceAsync(key, (_, _) =>
        {
            Output.Write("ran", key);
            return Task.FromResult<byte[]?>(RandomNumberGenerator.GetBytes(200));
        }))!;
    }

    /// <summary>
    /// <c>wait KEY CALLERS</c>: that many callers for one key. <c>waiting</c> when all have called; <c>ran KEY TOKEN</c> if one of them does
    /// the work; at the end <c>woke KEY FIRST LAST RESULT…</c>: when the first and the last had the result, and all different results.
    /// </summary>
    private async Task WaitAsync(string key, int callers)
    {
        Task<(long At, string Result)>[] calls = [.. Enumerable.Range(0, callers).Select(_ => CallAsync())];
        Output.Write("waiting", key);
        (long At, string Result)[] results = await Task.WhenAll(calls);
        Output.Write("woke", key, results.Min(r => r.At), results.Max(r => r.At), string.Join(' ', results.Select(r => r.Result).Distinct()));

        async Task<(long, string)> CallAsync()
        {
            byte[]? result = await locker.RunOnceAsync(key, (lease, _) =>
            {
                Output.Write("ran", key, lease.FencingToken);
                return Task.FromResult<byte[]?>(Encoding.UTF8.GetBytes($"by-{Environment.ProcessId}"));
            });
            return (Output.Now, Encoding.UTF8.GetString(result!));
        }
    }

    /// <summary><c>hold KEY</c>: <c>locked KEY TOKEN</c> and later perhaps <c>lost KEY</c>; or <c>done KEY RESULT</c>.</summary>
    private async Task HoldAsync(string key)
    {
        RequestResult result = await locker.RequestAsync(key);
        if (!result.IsLocked)
        {
            Output.Write("done", key, Encoding.UTF8.GetString(result.Result.Bytes.Span));
            return;
        }

        _leases[key] = result.Lease;
        result.Lease.Lost.Register(() => Output.Write("lost", key));
        Output.Write("locked", key, result.Lease.FencingToken);
    }

    /// <summary><c>held KEY</c>: <c>held KEY True</c> or <c>False</c>.</summary>
    private Task HeldAsync(string key)
    {
        Output.Write("held", key, _leases[key].IsHeld);
        return Task.CompletedTask;
    }

    /// <summary><c>publish KEY RESULT</c>: <c>published KEY OUTCOME STARTED</c>, with the time at which it was begun.</summary>
    private async Task PublishAsync(string key, string result)
    {
        long started = Output.Now;
        PublishOutcome outcome = await _leases[key].PublishAsync(Encoding.UTF8.GetBytes(result));
        Output.Write("published", key, outcome, started);
    }

    /// <summary><c>release KEY</c>: <c>released KEY</c>.</summary>
    private async Task ReleaseAsync(string key)
    {
        await _leases[key].DisposeAsync();
        Output.Write("released", key);
    }

    /// <summary><c>store PREFIX CALLERS</c>: that many callers store one result after the other, until the process ends. <c>stored KEY</c> for each.</summary>
    private Task StoreAsync(string prefix, int callers) => Task.WhenAll(Enumerable.Range(0, callers).Select(async caller =>
    {
        for (int i = 0; ; i++)
        {
            string key = $"{prefix}-{caller}-{i}";
            await locker.RunOnceAsync(key, (_, _) => Task.FromResult<byte[]?>(Encoding.UTF8.GetBytes(key)), new() { ResultTimeout = TimeSpan.FromHours(1) });
            Output.Write("stored", key);
        }
    }));
}
