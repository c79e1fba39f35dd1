using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Latchwork.Cli;

/// <summary>The standard output and standard error of this process, which may be closed, full, or read by nobody.</summary>
internal static class StandardStreams
{
    private const int Output = 1;
    private const int Error = 2;

    private const int GetDescriptorFlags = 1; // F_GETFD
    private const int GetStatusFlags = 3; // F_GETFL
    private const int CloseOnExec = 1; // FD_CLOEXEC
    private const int AccessMode = 3; // O_ACCMODE
    private const int ReadOnly = 0; // O_RDONLY
    private const short ErrorCondition = 8; // POLLERR

    /// <summary>Why standard output cannot be written, in words that continue "standard output "; null if nothing is known to be wrong.</summary>
    public static string? FindOutputProblem()
    {
        if (OperatingSystem.IsWindows()) return null;
        if (!IsInherited(Output)) return "is closed";
        if ((NativeControl(Output, GetStatusFlags) & AccessMode) == ReadOnly) return "is not open for writing";
        var poll = new PollDescriptor { Descriptor = Output };
        bool isBroken = NativePoll(ref poll, 1, 0) == 1 && (poll.Returned & ErrorCondition) != 0;
        return isBroken ? "is a pipe that nobody reads" : null;
    }

    /// <summary>Opens standard output: a failure to write is an <see cref="OutputFailedException"/>.</summary>
    /// <param name="problem">Why it cannot be written, if that is known.</param>
    public static Stream OpenOutput(string? problem) => new OutputStream(problem is null ? OpenPlainOutput() : Stream.Null, problem, isRequired: true);

    /// <summary>Opens standard error: what cannot be written is dropped, as there is nobody left to tell.</summary>
    public static Stream OpenError() =>
        new OutputStream(OperatingSystem.IsWindows() || IsInherited(Error) ? Console.OpenStandardError() : Stream.Null, problem: null, isRequired: false);

    /// <summary>
    /// Whether a descriptor came from whoever started this process. If it was closed then, the runtime may have opened something of its own under its
    /// number: with close-on-exec, which nothing inherited can have.
    /// </summary>
    private static bool IsInherited(int descriptor) => NativeControl(descriptor, GetDescriptorFlags) is >= 0 and int flags && (flags & CloseOnExec) == 0;

    // The console's own stream hides that the reader of a pipe has gone, and a listener would confirm what nobody has seen. A file needs the
    // console's stream: it shares its position with whoever else writes to the same file, and a FileStream keeps one of its own.
    private static Stream OpenPlainOutput()
    {
        if (OperatingSystem.IsWindows() || !Console.IsOutputRedirected) return Console.OpenStandardOutput();
        var pipe = new FileStream(new SafeFileHandle(Output, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        return pipe.CanSeek ? Console.OpenStandardOutput() : pipe;
    }

    // No third argument is ever passed, so it does not matter that the C function is variadic.
    [DllImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeControl(int descriptor, int command);

    [DllImport("libc", EntryPoint = "poll", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativePoll(ref PollDescriptor descriptors, nuint count, int timeout);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Requested;
        public short Returned;
    }
}
