namespace Latchwork.Tools;

/// <summary>What a tool knows of the user who started it.</summary>
/// <param name="Variable">Reads a variable of the environment; null if it is not set.</param>
/// <param name="DataFolder">The folder for this user's data on this machine; null if there is none. On Linux <c>$XDG_DATA_HOME</c>, else <c>~/.local/share</c>.</param>
internal sealed record UserEnvironment(Func<string, string?> Variable, string? DataFolder)
{
    /// <summary>That of this process.</summary>
    public static UserEnvironment OfProcess() => new(
        Environment.GetEnvironmentVariable,
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify));
}
