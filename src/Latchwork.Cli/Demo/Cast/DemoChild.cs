using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Latchwork.Cli.Commands;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Demo.Cast;

/// <summary>A process of the demo, from within: it hears orders on standard input, and never outlives the demo.</summary>
internal static class DemoChild
{
    /// <summary>The hidden verb, for <c>Main</c>.</summary>
    public const string Verb = "__demo";

    /// <summary>What <c>Main</c> does for the hidden verb.</summary>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync()
    {
        // Ctrl-C goes to all processes of a terminal. The demo ends its nodes itself.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, static context => context.Cancel = true);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, static context => context.Cancel = true);
        var orders = Channel.CreateUnbounded<DemoOrder>(new UnboundedChannelOptions { SingleReader = true });
        new Thread(() => Listen(orders.Writer)) { IsBackground = true, Name = "latchwork demo orders" }.Start();
        try
        {
            if (await orders.Reader.ReadAsync(CancellationToken.None).ConfigureAwait(false) is not Play play) return ExitCodes.BadInput;
            await PlayAsync(play, orders.Reader).ConfigureAwait(false);
            return ExitCodes.Done;
        }
        catch (Exception e) when (e is CliException or LatchworkStoreException)
        {
            await Console.Error.WriteLineAsync(ErrorLine.Format(e.Message)).ConfigureAwait(false);
            return ExitCodes.Failure;
        }
    }

    private static async Task PlayAsync(Play play, ChannelReader<DemoOrder> orders)
    {
        LatchworkStore store = await StoreResolver.OpenAsync(play.Store, CancellationToken.None).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            using Stream output = Console.OpenStandardOutput();
            var gate = new Lock();
            void Report(DemoReport report)
            {
                byte[] line = DemoJson.Line(report, DemoJson.Default.DemoReport);
                lock (gate) output.Write(line);
            }

            IDemoRole role = DemoRoles.Create(play.Casting, store, Report);
            await using (role.ConfigureAwait(false))
            {
                await role.OpenAsync(CancellationToken.None).ConfigureAwait(false);
                Report(new Ready());
                while (await orders.ReadAsync(CancellationToken.None).ConfigureAwait(false) is var order and not Leave) role.Hear(order);
            }
        }
    }

    // On a thread of its own: however busy the others are, it sees the end of the demo at once.
    private static void Listen(ChannelWriter<DemoOrder> orders)
    {
        using var input = new StreamReader(Console.OpenStandardInput(), Encoding.UTF8);
        while (input.ReadLine() is { } line) orders.TryWrite(JsonSerializer.Deserialize(line, DemoJson.Default.DemoOrder)!);

        // The other end of the pipe is only in the demo's hands: it is dead, however it died, and so are its nodes.
        using var self = Process.GetCurrentProcess();
        self.Kill();
    }
}
