using System.Globalization;
using Latchwork.Faults.Injection;

namespace Latchwork.Faults.Running;

/// <summary>What a run runs on.</summary>
public enum StoreKind
{
    /// <summary>One Redis server.</summary>
    Redis,

    /// <summary>One Redis server, over connections that the application makes (<see cref="RedisStore.Create"/>).</summary>
    Shared,

    /// <summary>A Redis Cluster.</summary>
    Cluster,

    /// <summary>A primary, a replica and Sentinels.</summary>
    Sentinel,

    /// <summary>A SQLite file.</summary>
    Sqlite,

    /// <summary>One PostgreSQL server.</summary>
    Postgres,
}

/// <summary>The options of a run, as they are given to <c>./fault-run</c>.</summary>
public sealed record RunOptions
{
    /// <summary>What it says when it is asked, or when an option is wrong.</summary>
    public const string Usage = """
        usage: ./fault-run [--store redis|shared|cluster|sentinel|sqlite|postgres] [--minutes 10 | --seconds N] [--seed N]
                           [--faults kill,stop,… | --faults none] [--appendfsync always|everysec] [--workers 9]
                           [--partitions N] [--keep] [--out FOLDER] [--lies]
               ./fault-run --all [FILE] [options]   each store in turn; the report goes to FILE (docs/faults-report.md)
               ./fault-run --check FOLDER      checks the history of an earlier run again
        faults: kill, stop, terminate, callbacks, clock, stall, cut, throttle, dropnotifications, connections, flush, restart, freeze, failover,
                memory, disk, busy, reshard, damage, burst (default: all that the store knows); empty, which takes all that is stored, only if it is named
        --lies: the store breaks promises on purpose, and the run must find it out
        """;

    /// <summary>What it runs on.</summary>
    public StoreKind Store { get; init; } = StoreKind.Redis;

    /// <summary>How long there is work and faults, draining excluded.</summary>
    public TimeSpan Length { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>What the plan of the faults and the work of the processes are made from.</summary>
    public int Seed { get; init; } = Random.Shared.Next(1, 1_000_000);

    /// <summary>What may happen; null for all that the store knows.</summary>
    public IReadOnlyCollection<FaultKind>? Faults { get; init; }

    /// <summary>Redis' setting: <c>always</c> or <c>everysec</c>.</summary>
    public string AppendFsync { get; init; } = "always";

    /// <summary>The number of partitions of the timer namespace, on Redis; null for one, and four on a cluster.</summary>
    public int? Partitions { get; init; }

    /// <summary>How many processes work.</summary>
    public int Workers { get; init; } = 9;

    /// <summary>Whether the store breaks promises on purpose, to see that the run finds it out.</summary>
    public bool Lies { get; init; }

    /// <summary>Whether the history is kept even if all is well.</summary>
    public bool Keep { get; init; }

    /// <summary>Where the history goes; null for a new folder among the temporary ones.</summary>
    public string? Out { get; init; }

    /// <summary>The folder of an earlier run to check again; null to run.</summary>
    public string? Check { get; init; }

    /// <summary>The command that starts the same run again.</summary>
    public string Command
    {
        get
        {
            string faults = Faults is null ? "" : Faults.Count == 0 ? " --faults none" : $" --faults {string.Join(',', Faults).ToLowerInvariant()}";
            string partitions = Partitions is { } count ? string.Create(CultureInfo.InvariantCulture, $" --partitions {count}") : "";
            return string.Create(
                CultureInfo.InvariantCulture,
                $"./fault-run --store {Store.ToString().ToLowerInvariant()} --seconds {Length.TotalSeconds:0.###} --seed {Seed}{faults} --appendfsync {AppendFsync} --workers {Workers}{partitions}{(Lies ? " --lies" : "")}");
        }
    }

    /// <summary>Reads the arguments.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <exception cref="ArgumentException">One of them is wrong; it is named.</exception>
    public static RunOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new RunOptions();
        for (int i = 0; i < arguments.Count; i++)
        {
            string name = arguments[i];
            if (name == "--keep")
            {
                options = options with { Keep = true };
                continue;
            }

            if (name == "--lies")
            {
                options = options with { Lies = true };
                continue;
            }

            string value = ++i < arguments.Count ? arguments[i] : throw new ArgumentException($"'{name}' needs a value.");
            options = name switch
            {
                "--store" => options with { Store = Name<StoreKind>(name, value) },
                "--minutes" => options with { Length = TimeSpan.FromMinutes(Number(name, value)) },
                "--seconds" => options with { Length = TimeSpan.FromSeconds(Number(name, value)) },
                "--seed" => options with { Seed = (int)Number(name, value) },
                "--faults" => options with { Faults = value == "none" ? [] : [.. value.Split(',').Select(one => Name<FaultKind>(name, one))] },
                "--appendfsync" => options with { AppendFsync = value is "always" or "everysec" ? value : throw Wrong(name, value) },
                "--partitions" => options with { Partitions = (int)Number(name, value) },
                "--workers" => options with { Workers = (int)Number(name, value) },
                "--out" => options with { Out = value },
                "--check" => options with { Check = value },
                _ => throw new ArgumentException($"There is no option '{name}'."),
            };
        }

        if (options.Length < TimeSpan.FromSeconds(2)) throw new ArgumentException($"A run lasts 2 s or longer; this one would last {options.Length.TotalSeconds} s.");
        if (options.Workers is < 3 or > 64) throw new ArgumentException($"'--workers' must be 3 to 64; it is {options.Workers}.");
        return options;
    }

    private static T Name<T>(string option, string value)
        where T : struct, Enum => Enum.TryParse(value, ignoreCase: true, out T kind) && Enum.IsDefined(kind) ? kind : throw Wrong(option, value);

    private static double Number(string option, string value) =>
        double.TryParse(value, CultureInfo.InvariantCulture, out double number) && number >= 0 ? number : throw Wrong(option, value);

    private static ArgumentException Wrong(string option, string value) => new($"'{option}' cannot be '{value}'.");
}
