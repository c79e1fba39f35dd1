using Npgsql;
using NpgsqlTypes;

namespace Latchwork.Postgres.Connections;

/// <summary>A statement with the values of its parameters <c>$1</c>, <c>$2</c>, …; <c>@schema@</c> stands for the name of the schema.</summary>
/// <param name="sql">Its text.</param>
/// <param name="isFrequent">Whether it is executed for every event or run, so that connections keep it prepared where they can.</param>
internal sealed class SqlStatement(string sql, bool isFrequent = false)
{
    private readonly List<NpgsqlParameter> _values = [];

    /// <summary>Whether connections keep it prepared where they can.</summary>
    public bool IsFrequent => isFrequent;

    public SqlStatement With(long value) => Add(new NpgsqlParameter<long> { TypedValue = value });

    public SqlStatement With(int value) => Add(new NpgsqlParameter<int> { TypedValue = value });

    public SqlStatement With(bool value) => Add(new NpgsqlParameter<bool> { TypedValue = value });

    public SqlStatement With(long? value) => AddNullable(value, NpgsqlDbType.Bigint);

    public SqlStatement With(int? value) => AddNullable(value, NpgsqlDbType.Integer);

    public SqlStatement With(bool? value) => AddNullable(value, NpgsqlDbType.Boolean);

    public SqlStatement With(string? value) => AddNullable(value, NpgsqlDbType.Text);

    public SqlStatement With(byte[]? value) => AddNullable(value, NpgsqlDbType.Bytea);

    public SqlStatement With(int[] values) => Add(new NpgsqlParameter<int[]> { TypedValue = values });

    public SqlStatement With(bool[] values) => Add(new NpgsqlParameter<bool[]> { TypedValue = values });

    public SqlStatement With(long[] values) => Add(new NpgsqlParameter<long[]> { TypedValue = values });

    public SqlStatement With(long?[] values) => Add(new NpgsqlParameter<long?[]> { TypedValue = values });

    public SqlStatement With(byte[]?[] values) => Add(new NpgsqlParameter<byte[]?[]> { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });

    public SqlStatement WithArray(byte[][]? values) => AddNullable(values, NpgsqlDbType.Array | NpgsqlDbType.Bytea);

    /// <summary>The statement for a connection.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="settings">The settings, which name the schema.</param>
    /// <param name="timeout">How long it may take, in s.</param>
    /// <param name="transaction">The transaction of the caller, if it has one.</param>
    public NpgsqlCommand ToCommand(NpgsqlConnection connection, PostgresSettings settings, int timeout, NpgsqlTransaction? transaction = null)
    {
#pragma warning disable CA2100 // the texts are this program's own
        var command = new NpgsqlCommand(settings.Sql(sql), connection, transaction) { CommandTimeout = timeout };
#pragma warning restore CA2100
        foreach (NpgsqlParameter value in _values) command.Parameters.Add(value);
        return command;
    }

    private SqlStatement AddNullable(object? value, NpgsqlDbType type) =>
        Add(new NpgsqlParameter { NpgsqlDbType = type, Value = value ?? DBNull.Value });

    private SqlStatement Add(NpgsqlParameter value)
    {
        _values.Add(value);
        return this;
    }
}
