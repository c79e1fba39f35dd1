namespace Latchwork.Configuration;

/// <summary>The options of a class that can be settings, and those whose values have a range, each declared once. Options without a setter are no settings.</summary>
/// <param name="create">Makes options that have the defaults.</param>
internal sealed class OptionSet<TOptions>(Func<TOptions> create)
    where TOptions : class
{
    private readonly List<DeclaredOption<TOptions>> _options = [];
    private readonly HashSet<string> _settings = new(StringComparer.Ordinal);

    /// <summary>The options that the configuration may have.</summary>
    public IEnumerable<DeclaredOption<TOptions>> Settings => _options.Where(option => _settings.Contains(option.Name));

    /// <summary>The names, defaults and ranges, in the words of the documentation, of all that can be set to something else than an object.</summary>
    public IEnumerable<(string Name, string Default, string Range)> Describe()
    {
        TOptions defaults = create();
        return _options.Where(static option => option is not RequiredOption<TOptions>).Select(option => (option.Name, option.Describe(defaults), option.Range));
    }

    /// <summary>What is wrong with options, a clause for each that is; empty if all is well.</summary>
    public IEnumerable<string> FindErrors(TOptions options) => _options.Select(option => option.FindError(options)).OfType<string>();

    /// <summary>Throws if something is wrong, and names all of it.</summary>
    /// <param name="options">The options.</param>
    /// <param name="what">What the message begins with.</param>
    /// <param name="argument">The argument that the options are.</param>
    public void Check(TOptions options, string what, string argument)
    {
        string[] errors = [.. FindErrors(options)];
        if (errors.Length > 0) throw new ArgumentException($"{what}: {string.Join("; ", errors)}.", argument);
    }

    /// <summary>A declared option with a range, and its default as it is written in settings.</summary>
    public (RangedOption<TOptions, T> Option, string? Default) Get<T>(string name)
        where T : struct, IComparable<T>
    {
        var option = (RangedOption<TOptions, T>)_options.Single(option => option.Name == name);
        return (option, option.Write(create()));
    }

    public OptionSet<TOptions> Number(
        string name, Bound<TOptions, int> min, Bound<TOptions, int> max, Func<TOptions, int?> get, Action<TOptions, int> set, string whenNull = "") =>
        Add(new RangedOption<TOptions, int>(name, ValueKinds.Number, min, max, get, set, orZero: false, whenNull));

    public OptionSet<TOptions> Number(string name, long min, long max, Func<TOptions, long?> get, Action<TOptions, long> set) =>
        Add(new RangedOption<TOptions, long>(name, ValueKinds.LongNumber, min, max, get, set, orZero: false, whenNull: ""));

    public OptionSet<TOptions> Number(string name, double min, double max, Func<TOptions, double?> get, Action<TOptions, double> set) =>
        Add(new RangedOption<TOptions, double>(name, ValueKinds.Real, min, max, get, set, orZero: false, whenNull: ""));

    public OptionSet<TOptions> Bytes(string name, int min, int max, Func<TOptions, int?> get, Action<TOptions, int> set) =>
        Add(new RangedOption<TOptions, int>(name, ValueKinds.Bytes, min, max, get, set, orZero: false, whenNull: ""));

    public OptionSet<TOptions> Bytes(string name, long min, long max, Func<TOptions, long?> get, Action<TOptions, long> set) =>
        Add(new RangedOption<TOptions, long>(name, ValueKinds.LongBytes, min, max, get, set, orZero: false, whenNull: ""));

    public OptionSet<TOptions> Duration(
        string name,
        Bound<TOptions, TimeSpan> min,
        Bound<TOptions, TimeSpan> max,
        Func<TOptions, TimeSpan?> get,
        Action<TOptions, TimeSpan> set,
        bool orZero = false,
        string whenNull = "") =>
        Add(new RangedOption<TOptions, TimeSpan>(name, ValueKinds.Duration, min, max, get, set, orZero, whenNull));

    public OptionSet<TOptions> Choice<TEnum>(string name, Func<TOptions, TEnum?> get, Action<TOptions, TEnum> set)
        where TEnum : struct, Enum => Add(new ChoiceOption<TOptions, TEnum>(name, get, set));

    public OptionSet<TOptions> Flag(string name, Func<TOptions, bool> get, Action<TOptions, bool> set) => Add(new FlagOption<TOptions>(name, get, set));

    /// <summary>Adds an option that must not be null, and is no setting.</summary>
    public OptionSet<TOptions> Required(string name, Func<TOptions, object?> get) => Add(new RequiredOption<TOptions>(name, get), isSetting: false);

    public OptionSet<TOptions> List(string name, Func<TOptions, ICollection<string>> get) => Add(new ListOption<TOptions>(name, get));

    /// <summary>Adds an option that is an id, a namespace or a node.</summary>
    public OptionSet<TOptions> Id(string name, Func<TOptions, string?> get, Action<TOptions, string>? set, string whenNull = "") =>
        Text(name, $"1 to {Limits.MaxIdBytes} bytes of UTF-8", static text => Limits.FindTextError(text, 1, Limits.MaxIdBytes), get, set, whenNull);

    /// <param name="name">The name.</param>
    /// <param name="range">What it may be, in the words of the documentation.</param>
    /// <param name="findError">What is wrong with a text, as words that follow its name; null if nothing is.</param>
    /// <param name="get">Gets it.</param>
    /// <param name="set">Sets it; null if it is no setting.</param>
    /// <param name="whenNull">What null means, in the words of the documentation; empty if it must not be null.</param>
    public OptionSet<TOptions> Text(
        string name, string range, Func<string, string?> findError, Func<TOptions, string?> get, Action<TOptions, string>? set, string whenNull = "") =>
        Add(new TextOption<TOptions>(name, range, get, set ?? (static (_, _) => { }), findError, whenNull), isSetting: set is not null);

    private OptionSet<TOptions> Add(DeclaredOption<TOptions> option, bool isSetting = true)
    {
        _options.Add(option);
        if (isSetting) _settings.Add(option.Name);
        return this;
    }
}
