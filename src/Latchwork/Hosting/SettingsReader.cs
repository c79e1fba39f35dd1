using Latchwork.Configuration;
using Microsoft.Extensions.Configuration;

namespace Latchwork.Hosting;

/// <summary>
/// Reads settings from a configuration section, without reflection. What cannot be read, and names that mean nothing, are gathered as
/// failures; values are quoted except those of secrets.
/// </summary>
internal sealed class SettingsReader
{
    private readonly IConfigurationSection _section;
    private readonly List<string> _failures;
    private readonly HashSet<string> _known = new(StringComparer.OrdinalIgnoreCase);

    public SettingsReader(IConfigurationSection section, List<string> failures)
    {
        _section = section;
        _failures = failures;
    }

    public void Text(string name, Action<string> set)
    {
        if (Value(name) is { } value) set(value);
    }

    /// <summary>A list of texts.</summary>
    private void Texts(string name, Action<string> add)
    {
        _known.Add(name);
        IConfigurationSection list = _section.GetSection(name);
        if (!string.IsNullOrEmpty(list.Value)) _failures.Add($"'{list.Path}' must be a list; it is a single value.");
        foreach (IConfigurationSection child in list.GetChildren())
        {
            if (!string.IsNullOrEmpty(child.Value)) add(child.Value);
        }
    }

    /// <summary>A duration; see <see cref="DurationText"/>.</summary>
    public void Span(string name, Action<TimeSpan> set) => Read(name, text =>
    {
        bool isDuration = ValueKinds.Duration.TryParse(text, out TimeSpan value);
        if (isDuration) set(value);
        return isDuration ? null : ValueKinds.Duration.Name;
    });

    /// <summary>Reads the options of a set; those of an object within the options from the section that is named like it.</summary>
    /// <param name="set">The set.</param>
    /// <param name="options">Takes the values.</param>
    /// <param name="except">The name of an option that is no setting here; null if there is none.</param>
    public void Read<TOptions>(OptionSet<TOptions> set, TOptions options, string? except = null)
        where TOptions : class
    {
        var sections = new Dictionary<string, SettingsReader>(StringComparer.Ordinal);
        foreach (DeclaredOption<TOptions> option in set.Settings)
        {
            if (option.Name == except) continue;
            SettingsReader reader = this;
            string name = option.Name;
            if (name.Split('.') is [var section, var inner])
            {
                name = inner;
                if (!sections.TryGetValue(section, out reader!)) sections[section] = reader = Section(section);
            }

            if (option is ListOption<TOptions>) reader.Texts(name, text => option.Read(options, text));
            else reader.Read(name, text => option.Read(options, text));
        }

        foreach (SettingsReader reader in sections.Values) reader.RefuseUnknown();
    }

    /// <summary>A section within this one.</summary>
    public SettingsReader Section(string name)
    {
        _known.Add(name);
        IConfigurationSection section = _section.GetSection(name);
        if (!string.IsNullOrEmpty(section.Value)) _failures.Add($"'{section.Path}' must be a section; it is a single value.");
        return new SettingsReader(section, _failures);
    }

    /// <summary>Gathers a failure for every section that is named like none of those that there are, and for every single value in place of one.</summary>
    /// <param name="names">The names; they may have colons, and are then sections within sections.</param>
    /// <param name="what">What has such a name, for the failure.</param>
    public void RefuseUnknownNames(IReadOnlyCollection<string> names, string what) => RefuseUnknownNames(_section, names, what);

    private void RefuseUnknownNames(IConfigurationSection within, IReadOnlyCollection<string> names, string what)
    {
        foreach (IConfigurationSection child in within.GetChildren())
        {
            string name = child.Path[(_section.Path.Length + 1)..];
            if (names.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                if (!string.IsNullOrEmpty(child.Value)) _failures.Add($"'{child.Path}' must be a section; it is a single value.");
            }
            else if (names.Any(one => one.StartsWith(name + ConfigurationPath.KeyDelimiter, StringComparison.OrdinalIgnoreCase)))
            {
                RefuseUnknownNames(child, names, what);
            }
            else
            {
                string known = names.Count == 0 ? "none" : $"{string.Join(", ", names.Order(StringComparer.Ordinal))}";
                _failures.Add($"Unknown {what} '{child.Path}'. Registered: {known}.");
            }
        }
    }

    /// <summary>Gathers a failure.</summary>
    /// <param name="name">The setting.</param>
    /// <param name="problem">What is wrong with it.</param>
    public void Refuse(string name, string problem) => _failures.Add($"'{_section.Path}:{name}' {problem}.");

    /// <summary>Gathers a failure for every name that was not asked for.</summary>
    /// <param name="sectionsToo">Whether sections count, too, and not only values.</param>
    public void RefuseUnknown(bool sectionsToo = true)
    {
        foreach (IConfigurationSection child in _section.GetChildren())
        {
            if (_known.Contains(child.Key) || (!sectionsToo && child.Value is null)) continue;
            // The value is not quoted: who knows what it is.
            _failures.Add($"Unknown setting '{child.Path}'. Valid settings: {string.Join(", ", _known.Order(StringComparer.Ordinal))}.");
        }
    }

    // What is read gives back what it should be, if it is not.
    private void Read(string name, Func<string, string?> read)
    {
        if (Value(name) is { } text && read(text) is { } what) _failures.Add($"'{_section.Path}:{name}' must be {what}; it is '{text}'.");
    }

    private string? Value(string name)
    {
        _known.Add(name);
        IConfigurationSection child = _section.GetSection(name);
        if (child.Value is null && child.GetChildren().Any()) _failures.Add($"'{child.Path}' must be a single value; it is a section.");
        return string.IsNullOrEmpty(child.Value) ? null : child.Value;
    }
}
