using System.Globalization;

namespace Latchwork.Faults.Work;

/// <summary>What a worker does.</summary>
internal enum Role
{
    /// <summary>Posts, cancels, reschedules, peeks, and sees to the dead.</summary>
    Poster,

    /// <summary>Listens and handles.</summary>
    Listener,

    /// <summary>Runs once, locks, forgets.</summary>
    Runner,
}

/// <summary>The settings of a worker, as they stand on its command line.</summary>
internal sealed record WorkerSettings
{
    /// <summary>The namespace of timers and of locks.</summary>
    public const string Namespace = "faults";

    /// <summary>The namespace of schedules.</summary>
    public const string ScheduleNamespace = "schedules";

    /// <summary>The namespace of events that fall due at one instant.</summary>
    public const string BurstNamespace = "bursts";

    /// <summary>The lease of a delivery.</summary>
    public static readonly TimeSpan LeaseDuration = TimeSpan.FromSeconds(1.5);

    /// <summary>The lease of a key.</summary>
    public static readonly TimeSpan LockLease = TimeSpan.FromSeconds(1);

    /// <summary>What it does.</summary>
    public required Role Role { get; init; }

    /// <summary>Its number among the workers.</summary>
    public required int Index { get; init; }

    /// <summary>How many processes had this place before it.</summary>
    public int Life { get; init; }

    /// <summary>The store's address.</summary>
    public required string Uri { get; init; }

    /// <summary>Where the history goes.</summary>
    public required string Folder { get; init; }

    /// <summary>The seed of the run.</summary>
    public required int Seed { get; init; }

    /// <summary>The longest delay of a post, and the longest that a handler may take: short where the run is, so that it is drained soon.</summary>
    public required TimeSpan Longest { get; init; }

    /// <summary>Whether its store breaks promises on purpose: see <see cref="LyingStore"/>.</summary>
    public bool Lies { get; init; }

    /// <summary>The name of its place: <c>poster-0</c>.</summary>
    public string Name => string.Create(CultureInfo.InvariantCulture, $"{Role.ToString().ToLowerInvariant()}-{Index}");

    /// <summary>The name of this process, which no other has: <c>poster-0.1</c>.</summary>
    public string ProcessName => string.Create(CultureInfo.InvariantCulture, $"{Name}.{Life}");

    /// <summary>Chance, made from the seed of the run and what this process is.</summary>
    /// <param name="part">Which part of the process asks.</param>
    public Random Chance(int part) => new(unchecked((((((Seed * 31) + Index) * 31) + Life) * 31) + part));

    /// <summary>Reads the arguments of a worker.</summary>
    public static WorkerSettings Parse(string[] arguments) => new()
    {
        Role = Enum.Parse<Role>(arguments[0]),
        Index = int.Parse(arguments[1], CultureInfo.InvariantCulture),
        Life = int.Parse(arguments[2], CultureInfo.InvariantCulture),
        Uri = arguments[3],
        Folder = arguments[4],
        Seed = int.Parse(arguments[5], CultureInfo.InvariantCulture),
        Longest = TimeSpan.FromMilliseconds(int.Parse(arguments[6], CultureInfo.InvariantCulture)),
        Lies = arguments is [.., "lies"],
    };

    /// <summary>The arguments that <see cref="Parse"/> reads.</summary>
    public string[] ToArguments() => [$"{Role}", Text(Index), Text(Life), Uri, Folder, Text(Seed), Text((int)Longest.TotalMilliseconds), .. Lies ? ["lies"] : Array.Empty<string>()];

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
