namespace Latchwork.Tools;

/// <summary>The database that is used when no store is named: <c>latchwork.db</c> in the user's own data folder.</summary>
internal static class DefaultDatabase
{
    private const UnixFileMode OnlyTheUser = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Where it is.</summary>
    /// <returns>Null where the user has no data folder, which is not the case on any usual machine.</returns>
    public static string? FindPath(UserEnvironment user) =>
        user.DataFolder is { Length: > 0 } folder ? Path.Combine(folder, "latchwork", "latchwork.db") : null;

    /// <summary>Finds its address, and makes its folder if there is none: what is posted is nobody else's business.</summary>
    /// <param name="user">The user.</param>
    /// <param name="isMade">Whether the folder is made.</param>
    /// <returns>Its address.</returns>
    public static string FindAddress(UserEnvironment user, bool isMade)
    {
        string path = FindPath(user) ?? throw new CliException(
            ExitCodes.BadInput, $"no store is set, and this user has no home for latchwork.db: give --store sqlite:PATH or set {StoreResolver.Variable}");
        if (!isMade) return StoreResolver.AddressOf(path);
        string folder = Path.GetDirectoryName(path)!;
        try
        {
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
            else Directory.CreateDirectory(folder, OnlyTheUser);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCodes.Failure, $"the folder '{folder}' of the default database cannot be made: {e.Message} Give --store sqlite:PATH, or set {StoreResolver.Variable}", e);
        }

        return StoreResolver.AddressOf(path);
    }
}
