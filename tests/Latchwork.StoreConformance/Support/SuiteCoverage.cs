using System.Reflection;
using Xunit;

namespace Latchwork.StoreConformance.Support;

/// <summary>Finds the suites that a store does not run.</summary>
public static class SuiteCoverage
{
    /// <summary>The suites of this assembly that no test class of a store derives, although the store does not say why.</summary>
    /// <param name="tests">The assembly of the store's tests.</param>
    /// <param name="fixture">The store's fixture.</param>
    /// <returns>The names of the suites, and of those that are both derived and said to be skipped.</returns>
    public static IReadOnlyList<string> Gaps(Assembly tests, StoreFixture fixture)
    {
        ArgumentNullException.ThrowIfNull(tests);
        ArgumentNullException.ThrowIfNull(fixture);
        Type[] classes = [.. tests.GetTypes().Where(type => type is { IsClass: true, IsAbstract: false, IsPublic: true })];
        return [.. typeof(StoreFixture).Assembly.GetTypes().Where(IsSuite).Where(suite => RunsIn(suite) == IsExcused(suite)).Select(suite => suite.Name).Order(StringComparer.Ordinal)];

        bool RunsIn(Type suite) => classes.Any(type => type.IsSubclassOf(suite) && type.GetConstructors().Any(TakesFixture));
        bool TakesFixture(ConstructorInfo constructor) => constructor.GetParameters().Any(parameter => parameter.ParameterType.IsInstanceOfType(fixture));
        bool IsExcused(Type suite) => fixture.SkippedSuites.TryGetValue(suite, out string? reason) && !string.IsNullOrWhiteSpace(reason);
    }

    private static bool IsSuite(Type type) =>
        type is { IsAbstract: true, IsClass: true } && type.GetMethods().Any(method => method.GetCustomAttributes<FactAttribute>().Any());
}
