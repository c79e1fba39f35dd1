using System.CommandLine;

namespace Latchwork.Cli.Commands;

/// <summary>The group of timer commands.</summary>
internal static class TimerCommand
{
    public static Command Create(CommandHost host) => new("timer", "Post, watch and handle timed events.")
    {
        PostCommand.Create(host),
        ListenCommand.Create(host),
        PeekCommand.Create(host),
        CancelCommand.Create(host),
        DelayCommand.Create(host),
        ConfirmCommand.Create(host),
        EventListCommands.CreateUpcoming(host),
        EventListCommands.CreateInFlight(host),
        EventListCommands.CreateCompleted(host),
        DeadLettersCommand.Create(host),
        NamespacesCommand.Create(host),
        NodesCommand.Create(host),
        StatsCommand.Create(host),
        WatchCommand.Create(host),
        PauseCommands.CreatePause(host),
        PauseCommands.CreateResume(host),
        RepartitionCommand.Create(host),
        DropCommand.Create(host),
    };
}
