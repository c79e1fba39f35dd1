using System.CommandLine;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Commands;

/// <summary><c>store migrate [--script] [--schema NAME]</c></summary>
internal static class StoreCommand
{
    public static Command Create(CommandHost host)
    {
        var script = new Option<bool>("--script") { Description = "Print the SQL script for psql instead of running it; no server is asked." };
        var schema = new Option<string>("--schema") { Description = "With --script: the schema.", HelpName = "name", DefaultValueFactory = static _ => PostgresOptions.DefaultSchema };
        var migrate = new Command("migrate", "Create the schema of a PostgreSQL store or the tables of an SQLite file, or bring them up to date: for applications that may not, and before tools that only look.") { script, schema };
        migrate.SetAction((parsed, cancellationToken) => RunAsync(host, parsed, parsed.GetValue(script), parsed.GetValue(schema)!, cancellationToken));
        return new Command("store", "What concerns the store itself.") { migrate };
    }

    private static async Task<int> RunAsync(CommandHost host, ParseResult parsed, bool script, string schema, CancellationToken cancellationToken)
    {
        if (script)
        {
            await host.Terminal.Out.WriteAsync(PostgresStore.MigrationScript(schema).AsMemory(), cancellationToken).ConfigureAwait(false);
            return ExitCodes.Done;
        }

        string address = StoreResolver.Find(parsed.GetValue(host.Globals.Store), host.Terminal.User);
        if (!StoreResolver.IsPostgres(address) && StoreResolver.FindPath(address) is null) throw new CliException(ExitCodes.BadInput, "only PostgreSQL and SQLite have something to migrate: give --store postgres://host/database or sqlite:PATH");
        Printer printer = host.CreatePrinter(parsed);
        LatchworkStore store = await StoreResolver.OpenAsync(address, cancellationToken).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            printer.Result(json => json.WriteString("store", store.Description), () => Printable.OneLine($"{store.Description}: it is up to date"));
            return ExitCodes.Done;
        }
    }
}
