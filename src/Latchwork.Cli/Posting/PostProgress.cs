using System.Runtime.CompilerServices;
using Latchwork.Cli.Commands;
using Latchwork.Cli.Output;
using Spectre.Console;

namespace Latchwork.Cli.Posting;

/// <summary>Shows on a terminal how far a file of events has been posted; elsewhere it stays silent.</summary>
internal static class PostProgress
{
    private static readonly TimeSpan _step = TimeSpan.FromMilliseconds(100);

    public static Task<PostSummary> ShowAsync(TimerSession session, EventFilePoster poster, Stream stream) =>
        session.Terminal.ErrorIsInteractive && !session.Printer.IsJson ? DrawAsync(session, poster, stream) : poster.RunAsync();

    // On its own, so that Spectre.Console is loaded only when something is drawn.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<PostSummary> DrawAsync(TimerSession session, EventFilePoster poster, Stream stream)
    {
        long? total = stream.CanSeek ? stream.Length : null;
        Task<PostSummary> posting = Task.Run(poster.RunAsync);
        await Consoles.Create(session.Terminal.Error).Progress()
            .AutoClear(true)
            .Columns(new SpinnerColumn(), new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn())
            .StartAsync(async context =>
            {
                ProgressTask bar = context.AddTask("posting", maxValue: Math.Max(1, total ?? 1));
                bar.IsIndeterminate = total is null;
                while (await Task.WhenAny(posting, Task.Delay(_step, TimeProvider.System)).ConfigureAwait(false) != posting)
                {
                    if (total is not null) bar.Value = poster.BytesRead;
                    bar.Description = $"posted {Printable.Count(poster.Answered)}";
                }
            }).ConfigureAwait(false);
        return await posting.ConfigureAwait(false);
    }
}
