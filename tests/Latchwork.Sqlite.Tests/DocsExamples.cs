namespace Latchwork.Sqlite.Tests;

/// <summary>The program of docs/sqlite.md. It is compiled, and not run: its file is that of an installed service.</summary>
internal static class DocsExamples
{
    public static async Task OpenAsync()
    {
        await using SqliteStore store = await SqliteStore.OpenAsync("/var/lib/myapp/latchwork.db");
    }
}
