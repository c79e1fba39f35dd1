using Latchwork.Configuration;
using Microsoft.Extensions.Options;

namespace Latchwork;

/// <summary>Checks options when the host starts, and names all that is wrong with them.</summary>
internal sealed class OptionSetValidator<TOptions>(OptionSet<TOptions> set) : IValidateOptions<TOptions>
    where TOptions : class
{
    public ValidateOptionsResult Validate(string? name, TOptions options)
    {
        string[] failures = [.. set.FindErrors(options).Select(static error => error + ".")];
        return failures.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}

/// <summary>Options that are names of authorization policies.</summary>
internal static class PolicyOptions
{
    /// <summary>Adds an option that is the name of a policy, and no setting.</summary>
    /// <param name="set">The options.</param>
    /// <param name="name">The name.</param>
    /// <param name="get">Gets it.</param>
    /// <param name="whenNull">What null means, in the words of the documentation.</param>
    public static OptionSet<TOptions> Policy<TOptions>(this OptionSet<TOptions> set, string name, Func<TOptions, string?> get, string whenNull)
        where TOptions : class => set.Text(
            name, "", static text => text.Length == 0 ? "must be the name of an authorization policy, or null; it is empty" : null, get, set: null, whenNull);
}
