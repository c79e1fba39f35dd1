using System.Diagnostics;
using System.Globalization;

namespace Latchwork.StoreConformance.Support;

/// <summary>Where PostgreSQL's programs are, and as whom they run: they refuse to run as root.</summary>
internal static class PostgresProgram
{
    /// <summary>The environment variable that names the folder of <c>postgres</c> and <c>initdb</c>.</summary>
    public const string Variable = "POSTGRES_BIN";

    private const string DebianFolder = "/usr/lib/postgresql";

    private static readonly string? _user = Environment.UserName == "root" ? FindUser() : null;

    /// <summary>The folder of the programs.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static string Folder => Find(Environment.GetEnvironmentVariable(Variable));

    /// <summary>The folder for a value of the variable.</summary>
    /// <param name="value">The value; null or empty for the newest that Debian's packages installed.</param>
    public static string Find(string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            return File.Exists(Path.Combine(value, "initdb")) ? value : throw new InvalidOperationException($"{Variable} is '{value}', which has no initdb: it must be the folder of PostgreSQL's programs.");
        }

        string? newest = (Directory.Exists(DebianFolder) ? Directory.GetDirectories(DebianFolder) : [])
            .Where(folder => File.Exists(Path.Combine(folder, "bin", "initdb")))
            .MaxBy(folder => double.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out double version) ? version : 0);
        return newest is not null
            ? Path.Combine(newest, "bin")
            : throw new InvalidOperationException($"PostgreSQL is missing. Install it (Debian: apt-get install postgresql), or set {Variable} to the folder of its programs.");
    }

    /// <summary>Gives a folder to the user that the programs run as.</summary>
    public static void Give(string folder)
    {
        if (_user is null) return;
        using Process process = Process.Start(new ProcessStartInfo("chown", ["-R", _user, folder])) ?? throw new InvalidOperationException("chown could not be started.");
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"The folder {folder} could not be given to the user {_user}.");
    }

    /// <summary>How to start a program.</summary>
    public static ProcessStartInfo Start(string program, IEnumerable<string> arguments)
    {
        string path = Path.Combine(Folder, program);
        ProcessStartInfo start = _user is null
            ? new ProcessStartInfo(path, arguments)
            : new ProcessStartInfo("setpriv", ["--reuid", _user, "--regid", _user, "--clear-groups", "--", path, .. arguments]);
        start.RedirectStandardError = true;
        start.RedirectStandardOutput = true;
        start.WorkingDirectory = "/tmp";
        start.Environment["LC_ALL"] = "C";
        return start;
    }

    private static string FindUser()
    {
        string[] users = [.. File.ReadLines("/etc/passwd").Select(line => line.Split(':')[0])];
        return users.Contains("postgres") ? "postgres" : "nobody";
    }
}
