using System.Runtime.InteropServices;

namespace Latchwork.Cli.Once;

/// <summary>The calls of the operating system that .NET does not offer. Not for Windows.</summary>
internal static class Posix
{
    public const int SigKill = 9;
    public const int SigTerm = 15;

    private const int SigPipe = 13;
    private const int SetParentDeathSignal = 1; // PR_SET_PDEATHSIG

    /// <summary>Sends a signal to the process group that a process leads, or, as long as it leads none, to the process.</summary>
    public static void Signal(int processId, int signal)
    {
        // Either may be gone already, which is all that is wanted.
        if (NativeKill(-processId, signal) != 0) _ = NativeKill(processId, signal);
    }

    /// <summary>Whether a process group has members.</summary>
    public static bool GroupExists(int groupId) => NativeKill(-groupId, 0) == 0;

    /// <summary>Makes this process the leader of a session and group of its own, away from the terminal.</summary>
    public static void BeginSession() => _ = NativeSetSid();

    /// <summary>
    /// Has the kernel kill this process when the thread that started it ends (Linux). It holds for the calling thread, and across an exec by it.
    /// </summary>
    /// <returns>Whether that process still lives: it may have died before this call.</returns>
    public static bool DieWith(int parentId)
    {
        if (OperatingSystem.IsLinux()) _ = NativePrctl(SetParentDeathSignal, SigKill, 0, 0, 0);
        return NativeGetParentId() == parentId;
    }

    /// <summary>Becomes another program.</summary>
    /// <param name="words">The program, looked for in <c>PATH</c>, and its arguments.</param>
    /// <returns>Only if that failed: the error number.</returns>
    public static int Become(ReadOnlySpan<string> words)
    {
        // .NET ignores SIGPIPE, and what is ignored stays so across an exec. Commands expect to die of it.
        _ = NativeSignal(SigPipe, 0);
        nint[] arguments = new nint[words.Length + 1];
        for (int i = 0; i < words.Length; i++) arguments[i] = Marshal.StringToCoTaskMemUTF8(words[i]);
        _ = NativeExecute(arguments[0], arguments);
        return Marshal.GetLastPInvokeError();
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeKill(int processId, int signal);

    [DllImport("libc", EntryPoint = "setsid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeSetSid();

    [DllImport("libc", EntryPoint = "getppid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeGetParentId();

    [DllImport("libc", EntryPoint = "prctl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativePrctl(int option, nuint argument, nuint unused3, nuint unused4, nuint unused5);

    [DllImport("libc", EntryPoint = "signal")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint NativeSignal(int signal, nint handler);

    [DllImport("libc", EntryPoint = "execvp", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeExecute(nint file, nint[] arguments);
}
