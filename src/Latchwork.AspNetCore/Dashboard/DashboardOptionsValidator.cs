using Microsoft.Extensions.Options;

namespace Latchwork.Dashboard;

/// <summary>Checks the options of a dashboard when the host starts.</summary>
internal sealed class DashboardOptionsValidator : IValidateOptions<DashboardOptions>
{
    private const int MaxMaxStreams = 10_000;

    public ValidateOptionsResult Validate(string? name, DashboardOptions options)
    {
        List<string> failures = [];
        if (options.MaxStreams is < 0 or > MaxMaxStreams) failures.Add($"'MaxStreams' must be between 0 and {MaxMaxStreams}; it is {options.MaxStreams}.");
        foreach ((string setting, string? policy) in new[]
        {
            (nameof(options.ReadPolicy), options.ReadPolicy), (nameof(options.ChangePolicy), options.ChangePolicy), (nameof(options.PayloadPolicy), options.PayloadPolicy),
        })
        {
            if (policy is "") failures.Add($"'{setting}' must be the name of an authorization policy, or null; it is empty.");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
