using System.Globalization;
using System.Runtime.InteropServices;

namespace Latchwork.Cli.Once;

/// <summary>The calls of the operating system that .NET does not offer. Not for Windows.</summary>
internal static class Posix
{
    public const int SigKill = 9;
    public const int SigTerm = 15;

    private const int SigPipe = 13;
    private const int NumberOfFiles = 7; // RLIMIT_NOFILE
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

    /// <summary>
    /// How many files the process that started this one may open: .NET raises the limit of its own process as far as it can, and whatever it starts
    /// inherits that. Programs that close all descriptors, or that use select(), do not bear it.
    /// </summary>
    /// <returns>Null where it is not known.</returns>
    public static ulong? FindOriginalFileLimit()
    {
        if (!OperatingSystem.IsLinux()) return null;
        try
        {
            const string Name = "Max open files";
            string line = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{NativeGetParentId()}/limits")).First(static one => one.StartsWith(Name, StringComparison.Ordinal));
            string soft = line[Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
            return ulong.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out ulong limit) ? limit : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException or IndexOutOfRangeException)
        {
            return null; // it has ended, or belongs to somebody else
        }
    }

    /// <summary>Lowers the number of files that this process, and what it becomes, may open. The hard limit stays, so that the command may raise its own.</summary>
    public static void LowerFileLimit(ulong soft)
    {
        if (!OperatingSystem.IsLinux() || NativeGetLimit(NumberOfFiles, out FileLimit limit) != 0 || soft >= limit.Soft) return;
        limit.Soft = (nuint)soft;
        _ = NativeSetLimit(NumberOfFiles, ref limit);
    }

    /// <summary>Becomes another program.</summary>
    /// <param name="words">The program, looked for in <c>PATH</c>, and its arguments.</param>
    /// <returns>Only if that failed: the error number.</returns>
    public static int Become(byte[][] words)
    {
        // .NET ignores SIGPIPE, and what is ignored stays so across an exec. Commands expect to die of it.
        _ = NativeSignal(SigPipe, 0);
        nint[] arguments = new nint[words.Length + 1];
        for (int i = 0; i < words.Length; i++)
        {
            arguments[i] = Marshal.AllocHGlobal(words[i].Length + 1);
            Marshal.Copy(words[i], 0, arguments[i], words[i].Length);
            Marshal.WriteByte(arguments[i], words[i].Length, 0);
        }

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

    [DllImport("libc", EntryPoint = "getrlimit")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeGetLimit(int resource, out FileLimit limit);

    [DllImport("libc", EntryPoint = "setrlimit")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeSetLimit(int resource, ref FileLimit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct FileLimit
    {
        public nuint Soft;
        public nuint Hard;
    }
}
