using System.Globalization;
using System.Reflection;
using Latchwork.Postgres.Connections;
using Npgsql;

namespace Latchwork.Postgres.Sql;

/// <summary>Creates the schema and brings it up to date, one version after the other, each in a transaction, one program at a time.</summary>
internal static class Migrations
{
    /// <summary>The version of the schema that this program works with.</summary>
    public const int Latest = 1;

    private const string Create =
        """
        CREATE SCHEMA IF NOT EXISTS @schema@;
        CREATE TABLE IF NOT EXISTS @schema@.migrations (
            version        integer     PRIMARY KEY,
            oldest_program integer     NOT NULL,  -- programs that know no later version than this one cannot work with the schema
            applied_at     timestamptz NOT NULL DEFAULT now()
        );
        """;

    private static readonly Assembly _assembly = typeof(Migrations).Assembly;

    /// <summary>Everything that makes the schema, for people who run it themselves. It can be run again.</summary>
    public static string Script(PostgresSettings settings)
    {
        var script = new System.Text.StringBuilder();
        script.AppendLine(CultureInfo.InvariantCulture, $"-- Latchwork: the schema '{settings.Schema}', version {Latest}. Run it with psql -v ON_ERROR_STOP=1 --single-transaction.");
        script.AppendLine(settings.Fill(Create));
        for (int version = 1; version <= Latest; version++)
        {
            script.AppendLine(CultureInfo.InvariantCulture, $"SELECT NOT EXISTS (SELECT 1 FROM {settings.Schema}.migrations WHERE version = {version}) AS needed \\gset");
            script.AppendLine("\\if :needed");
            script.AppendLine(settings.Fill(Read(version)));
            script.AppendLine(settings.Fill(Note(version)) + ";");
            script.AppendLine("\\endif");
        }

        return script.ToString();
    }

    /// <summary>Finds the schema, and creates it or brings it up to date if that is wanted.</summary>
    /// <returns>The version before, and now.</returns>
    /// <exception cref="LatchworkStoreException">The schema is missing or of another version, and cannot be migrated or is not to be.</exception>
    public static (int Before, int Now) Apply(SqlSession session, PostgresSettings settings)
    {
        int version = FindUsable(session, settings);

        if (version >= Latest) return (version, version);
        if (!settings.Migrate)
        {
            string what = version == 0 ? "is missing" : $"has version {version}";
            throw PostgresFailures.Refuse(
                $"The schema '{settings.Schema}' {what}; this program needs version {Latest}. Run 'latchwork store migrate', or 'latchwork store migrate --script' and run what it prints.");
        }

        using NpgsqlTransaction transaction = session.Connection.BeginTransaction();
        session.Run(new SqlStatement("SELECT pg_advisory_xact_lock(@processes@ + 1, 0)"));
        int before = FindUsable(session, settings); // a newer program may have been here before
        if (before == 0) Run(session, settings.Fill(Exists(session, settings) ? Create.Replace("CREATE SCHEMA IF NOT EXISTS @schema@;", "", StringComparison.Ordinal) : Create));
        for (int next = before + 1; next <= Latest; next++)
        {
            Run(session, settings.Fill(Read(next)));
            Run(session, settings.Fill(Note(next)));
        }

        session.Commit(transaction);
        return (before, Latest);
    }

    private static int FindUsable(SqlSession session, PostgresSettings settings)
    {
        (int version, int oldestProgram) = Find(session, settings);
        if (oldestProgram <= Latest) return version;
        throw PostgresFailures.Refuse(
            $"The schema '{settings.Schema}' has version {version}, made by a later version of Latchwork; this program works with version {Latest}. Update this program.");
    }

    /// <summary>The version of the schema, 0 if there is none, and the oldest program that can work with it.</summary>
    private static (int Version, int OldestProgram) Find(SqlSession session, PostgresSettings settings)
    {
        bool hasTable = session.Read(
            new SqlStatement("SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = 'migrations'").With(settings.Schema),
            static rows => rows.Read());
        if (!hasTable) return (0, 0);
        return session.Read(
            new SqlStatement("SELECT version, oldest_program FROM @schema@.migrations ORDER BY version DESC LIMIT 1"),
            static rows => rows.Read() ? (rows.GetInt32(0), rows.GetInt32(1)) : (0, 0));
    }

    // To create a schema that exists needs the right to create schemas, even with IF NOT EXISTS.
    private static bool Exists(SqlSession session, PostgresSettings settings) =>
        session.Read(new SqlStatement("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1").With(settings.Schema), static rows => rows.Read());

    private static string Note(int version) =>
        string.Create(CultureInfo.InvariantCulture, $"INSERT INTO @schema@.migrations (version, oldest_program) VALUES ({version}, {version})");

    private static string Read(int version)
    {
        using Stream stream = _assembly.GetManifestResourceStream($"Version{version}.sql") ?? throw new InvalidOperationException($"Version{version}.sql is not in the assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static void Run(SqlSession session, string script)
    {
#pragma warning disable CA2100 // the texts are this program's own
        using var command = new NpgsqlCommand(script, session.Connection) { CommandTimeout = 0 };
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }
}
