using System.CommandLine;

namespace Latchwork.Tools;

/// <summary>The option that names the store.</summary>
internal static class StoreOption
{
    public static Option<string?> Create(UserEnvironment user)
    {
        string database = DefaultDatabase.FindPath(user) is { } path ? $", else {StoreResolver.AddressOf(path)}" : "";
        return new Option<string?>("--store", "-s")
        {
            Description = $"Where timers and keys live: sqlite:PATH, redis://user:password@host:port/db, postgres://user:password@host/database or memory:. Default: the variable {StoreResolver.Variable}{database}.",
            HelpName = "address",
            Recursive = true,
        };
    }
}
