using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace Latchwork.Packages.Tests.Api;

/// <summary>The attributes that users of a member notice.</summary>
internal static class Attributes
{
    private static readonly Type[] _noticed =
    [
        typeof(DynamicallyAccessedMembersAttribute),
        typeof(EditorBrowsableAttribute),
        typeof(ExperimentalAttribute),
        typeof(FlagsAttribute),
        typeof(ObsoleteAttribute),
        typeof(RequiresDynamicCodeAttribute),
        typeof(RequiresUnreferencedCodeAttribute),
        typeof(SetsRequiredMembersAttribute),
    ];

    /// <summary>All of them, as they stand before a declaration, with a space behind each.</summary>
    public static string Before(MemberInfo member) => string.Concat(member.GetCustomAttributesData()
        .Where(attribute => _noticed.Contains(attribute.AttributeType) && !IsOfTheCompiler(attribute))
        .Select(attribute => Text(attribute) + " ")
        .Order(StringComparer.Ordinal));

    private const string OfTheCompiler = "Constructors of types with required members are not supported in this version of your compiler.";

    private static bool IsOfTheCompiler(CustomAttributeData attribute) =>
        attribute.AttributeType == typeof(ObsoleteAttribute)
        && attribute.ConstructorArguments is [{ Value: OfTheCompiler }, ..];

    // The messages may change; that a member needs reflection or dynamic code may not.
    private static string Text(CustomAttributeData attribute)
    {
        string name = attribute.AttributeType.Name[..^"Attribute".Length];
        bool plain = name.StartsWith("Requires", StringComparison.Ordinal) || attribute.ConstructorArguments.Count == 0;
        return plain ? $"[{name}]" : $"[{name}({string.Join(", ", attribute.ConstructorArguments.Select(Argument))})]";
    }

    private static string Argument(CustomAttributeTypedArgument argument) =>
        argument.ArgumentType.IsEnum ? Enum.ToObject(argument.ArgumentType, argument.Value!).ToString()! : Literal.Of(argument.Value);
}
