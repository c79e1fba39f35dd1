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
        var migrate = new Command("migrate", "Create the schema of a PostgreSQL store, or bring it up to date: for applications whose user may not change schemas.") { script, schema };
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
        if (!StoreResolver.IsPostgres(address)) throw new CliException(ExitCodes.BadInput, "only a PostgreSQL store has a schema to migrate: give --store postgres://host/database");
        Printer printer = host.CreatePrinter(parsed);
        LatchworkStore store = await StoreResolver.OpenAsync(address, cancellationToken).ConfigureAwait(false);
        await using (store.ConfigureAwait(false))
        {
            printer.Result(json => json.WriteString("store", store.Description), () => Printable.OneLine($"{store.Description}: the schema is up to date"));
            return ExitCodes.Done;
        }
    }
}
