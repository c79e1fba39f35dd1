using System.Reflection;

namespace Latchwork.Cli;

/// <summary>How to start this tool again, under a hidden verb.</summary>
internal static class ThisTool
{
    /// <summary>The program and the first arguments: an executable of its own, or <c>dotnet</c> and the library.</summary>
    public static string[] CommandLine()
    {
        string library = Path.Combine(AppContext.BaseDirectory, typeof(ThisTool).Assembly.GetName().Name + ".dll");
        string? host = Environment.ProcessPath;
        if (host is not null && Path.GetFileNameWithoutExtension(host) == "dotnet") return [host, library];
        bool isThis = host is not null && Assembly.GetEntryAssembly() == typeof(ThisTool).Assembly;
        return isThis ? [host!] : ["dotnet", library];
    }
}
