using System.Reflection;
using System.Runtime.CompilerServices;

namespace Latchwork.Packages.Tests.Api;

/// <summary>The first line of a type: what it is, its full name, and what it extends.</summary>
internal static class TypeText
{
    public static string Of(Type type)
    {
        Type[] parameters = [.. type.GetGenericArguments().Skip(type.DeclaringType?.GetGenericArguments().Length ?? 0)];
        string name = (type.IsNested ? type.DeclaringType!.FullName!.Replace('+', '.') : type.Namespace) + "." + type.Name.Split('`')[0];
        string begin = $"{Access.Of(type)} {Kind(type)}";
        string end = Parameters.Constraints(parameters);
        if (type.BaseType != typeof(MulticastDelegate)) return $"{begin} {name}{Parameters.Generic(parameters)}{Bases(type)}{end}";
        MethodInfo invoke = type.GetMethod("Invoke")!;
        string result = TypeName.Of(invoke.ReturnType, invoke.ReturnParameter.GetCustomAttributesData(), invoke);
        return $"{begin} {result} {name}{Parameters.Generic(parameters)}({Parameters.Of(invoke)}){end}";
    }

    private static string Kind(Type type)
    {
        if (type.BaseType == typeof(MulticastDelegate)) return "delegate";
        if (type.IsEnum) return "enum";
        if (type.IsInterface) return "interface";
        string record = IsRecord(type) ? "record " : "";
        if (type.IsValueType)
        {
            string readOnly = type.IsDefined(typeof(IsReadOnlyAttribute)) ? "readonly " : "";
            return $"{readOnly}{(type.IsByRefLike ? "ref " : "")}{record}struct";
        }

        string modifier = type switch
        {
            { IsAbstract: true, IsSealed: true } => "static ",
            { IsAbstract: true } => "abstract ",
            { IsSealed: true } => "sealed ",
            _ => "",
        };
        return $"{modifier}{record}class";
    }

    // Every record, and nothing else, has a PrintMembers that the compiler made.
    private static bool IsRecord(Type type) =>
        type.GetMethod("PrintMembers", BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
            ?.IsDefined(typeof(CompilerGeneratedAttribute)) == true;

    private static string Bases(Type type)
    {
        if (type.IsEnum) return Enum.GetUnderlyingType(type) == typeof(int) ? "" : $" : {TypeName.Of(Enum.GetUnderlyingType(type))}";
        Type[] all = type.GetInterfaces();
        // Those that others bring along are left out, and so is what every record has.
        IEnumerable<string> interfaces = all
            .Where(i => i.IsVisible && !all.Any(other => other != i && other.GetInterfaces().Contains(i)))
            .Where(i => type.BaseType?.GetInterfaces().Contains(i) != true)
            .Where(i => !IsRecord(type) || i != typeof(IEquatable<>).MakeGenericType(type))
            .Select(TypeName.Of)
            .Order(StringComparer.Ordinal);
        IEnumerable<string> bases = type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType)
            ? [TypeName.Of(parent), .. interfaces]
            : interfaces;
        string text = string.Join(", ", bases);
        return text.Length == 0 ? "" : $" : {text}";
    }
}
