using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Latchwork.Packages.Tests.Api;

/// <summary>Parameters of methods and of types, as C# writes them.</summary>
internal static class Parameters
{
    public static string Of(MethodBase method) => string.Join(", ", method.GetParameters().Select((parameter, i) => Of(parameter, method, i)));

    public static string OfIndexer(PropertyInfo property) =>
        string.Join(", ", property.GetIndexParameters().Select(parameter => Of(parameter, (MethodBase)parameter.Member, 1)));

    /// <summary>The names of type parameters: <c>&lt;in T, TResult&gt;</c>, or nothing.</summary>
    public static string Generic(Type[] types) => types.Length == 0 ? "" : $"<{string.Join(", ", types.Select(GenericOne))}>";

    /// <summary>What is asked of type parameters: <c> where T : class</c>, or nothing.</summary>
    public static string Constraints(Type[] types) => string.Concat(types.Select(ConstraintsOfOne));

    private static string Of(ParameterInfo parameter, MethodBase method, int position)
    {
        string before = parameter switch
        {
            { IsOut: true } => "out ",
            { IsIn: true, ParameterType.IsByRef: true } => "in ",
            { ParameterType.IsByRef: true } => "ref ",
            _ when parameter.IsDefined(typeof(ParamArrayAttribute)) || parameter.IsDefined(typeof(ParamCollectionAttribute)) => "params ",
            _ when position == 0 && method.IsDefined(typeof(ExtensionAttribute)) => "this ",
            _ => "",
        };
        string type = TypeName.Of(parameter.ParameterType, parameter.GetCustomAttributesData(), method);
        string value = parameter.HasDefaultValue ? $" = {Literal.Of(parameter.RawDefaultValue, parameter.ParameterType)}" : "";
        return $"{before}{type} {parameter.Name}{value}";
    }

    private static string GenericOne(Type type)
    {
        string attribute = type.GetCustomAttribute<DynamicallyAccessedMembersAttribute>() is { } accessed
            ? $"[DynamicallyAccessedMembers({accessed.MemberTypes})] "
            : "";
        string variance = (type.GenericParameterAttributes & GenericParameterAttributes.VarianceMask) switch
        {
            GenericParameterAttributes.Covariant => "out ",
            GenericParameterAttributes.Contravariant => "in ",
            _ => "",
        };
        return attribute + variance + type.Name;
    }

    private static string ConstraintsOfOne(Type type)
    {
        GenericParameterAttributes attributes = type.GenericParameterAttributes;
        bool isStruct = attributes.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint);
        List<string> constraints = [];
        if (attributes.HasFlag(GenericParameterAttributes.ReferenceTypeConstraint)) constraints.Add("class");
        if (isStruct) constraints.Add("struct");
        constraints.AddRange(type.GetGenericParameterConstraints().Where(c => c != typeof(ValueType)).Select(TypeName.Of));
        if (!isStruct && attributes.HasFlag(GenericParameterAttributes.DefaultConstructorConstraint)) constraints.Add("new()");
        return constraints.Count == 0 ? "" : $" where {type.Name} : {string.Join(", ", constraints)}";
    }
}
