using System.CommandLine;
using System.Text.Json;
using Latchwork.Cli.Input;

namespace Latchwork.Cli.Commands;

/// <summary><c>timer pause</c> and <c>timer resume</c></summary>
internal static class PauseCommands
{
    public static Command CreatePause(CommandHost host)
    {
        var reason = new Option<string?>("--reason")
        {
            Description = "Why, for those who wonder: up to 1024 bytes.",
            HelpName = "text",
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                if (Limits.FindTextError(text, 0, Limits.MaxReasonBytes) is { } error) result.AddError($"'--reason' {error}");
                return text;
            },
        };
        Option<string?> by = Options.Id("--by", "Who pauses it. Default: this user at this machine.");
        var command = new Command(
            "pause",
            "Pause a namespace for all nodes, until 'timer resume': nothing is delivered, handlers that run finish, and posting works. One that is paused already stays as it is.")
        {
            reason,
            by,
        };
        host.OnLook(command, async (parsed, session) =>
        {
            string who = parsed.GetValue(by) ?? $"{Environment.UserName}@{Environment.MachineName}";
            string why = parsed.GetValue(reason) ?? "";
            TimerPause pause = await session.Timer.PauseAsync(why, who, session.Stop).ConfigureAwait(false);
            session.Printer.Result(json => Write(json, session.Timer.Namespace, pause), () => Printable.OneLine($"{session.Timer.Namespace}: paused {Describe(pause)}"));
            return ExitCodes.Done;
        });
        return command;
    }

    public static Command CreateResume(CommandHost host)
    {
        var command = new Command("resume", "End the pause of a namespace: what became overdue is delivered, the oldest and the newest in turn.");
        host.OnLook(command, async (_, session) =>
        {
            TimerPause? ended = await session.Timer.ResumeAsync(session.Stop).ConfigureAwait(false);
            session.Printer.Result(
                json => Write(json, session.Timer.Namespace, null),
                () => Printable.OneLine($"{session.Timer.Namespace}: {(ended is null ? "was not paused" : $"resumed; it was paused {Describe(ended)}")}"));
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>Who, since when, and why, in one line.</summary>
    public static string Describe(TimerPause pause) =>
        $"by {pause.By} since {Printable.Moment(pause.Since)}{(pause.Reason.Length > 0 ? ": " : "")}{pause.Reason}";

    /// <summary>Writes <c>"pause": {"by", "since", "reason"}</c>, or null.</summary>
    public static void Write(Utf8JsonWriter json, TimerPause? pause)
    {
        if (pause is null)
        {
            json.WriteNull("pause");
            return;
        }

        json.WriteStartObject("pause");
        json.WriteString("by", pause.By);
        json.WriteString("since", pause.Since.UtcDateTime);
        json.WriteString("reason", pause.Reason);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string ns, TimerPause? pause)
    {
        json.WriteString("namespace", ns);
        Write(json, pause);
    }
}
