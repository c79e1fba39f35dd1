using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace Latchwork.Packages.Tests.Api;

/// <summary>Everything of an assembly that others can use, as text: types by name, below each its members by name.</summary>
internal static class ApiText
{
    private const BindingFlags Declared =
        BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;

    public static string Of(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (Type type in assembly.GetExportedTypes().Where(IsVisible).OrderBy(FullName, StringComparer.Ordinal))
        {
            if (text.Length > 0) text.Append('\n');
            text.Append(Attributes.Before(type)).Append(TypeText.Of(type)).Append('\n');
            IEnumerable<string> members = Members(type)
                .OrderBy(member => member.Name, StringComparer.Ordinal)
                .ThenBy(member => member.Text, StringComparer.Ordinal)
                .Select(member => member.Text);
            foreach (string member in members) text.Append("    ").Append(member).Append('\n');
        }

        return text.ToString();
    }

    private static string FullName(Type type) => type.FullName!;

    // A nested type can be protected in a sealed type, or be one that the compiler made.
    private static bool IsVisible(Type type) =>
        !type.Name.Contains('<', StringComparison.Ordinal)
        && (type.DeclaringType is null || (IsVisible(type.DeclaringType) && Access.Of(type) is not null));

    private static IEnumerable<(string Name, string Text)> Members(Type type)
    {
        if (type.BaseType == typeof(MulticastDelegate)) return [];
        if (type.IsEnum) return type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(EnumMember);
        return type.GetConstructors(Declared).Where(c => IsOurs(c)).Select(c => (c.Name, MemberText.Of(c)))
            .Concat(type.GetFields(Declared).Where(f => Access.Of(f) is not null && !IsGenerated(f)).Select(f => (f.Name, MemberText.Of(f))))
            .Concat(type.GetProperties(Declared).Where(p => Access.Of(p) is not null && !IsGenerated(p)).Select(p => (p.Name, MemberText.Of(p))))
            .Concat(type.GetEvents(Declared).Where(e => Access.Of(e.AddMethod!) is not null).Select(e => (e.Name, MemberText.Of(e))))
            .Concat(type.GetMethods(Declared).Where(m => IsOurs(m) && !IsAccessor(m)).Select(m => (m.Name, MemberText.Of(m))));
    }

    private static (string Name, string Text) EnumMember(FieldInfo field) =>
        (field.Name, $"{field.Name} = {Literal.Of(field.GetRawConstantValue())}");

    // What a record makes by itself (Equals, the copy constructor, and so on) follows from its first line.
    private static bool IsOurs(MethodBase method) => Access.Of(method) is not null && !IsGenerated(method);

    private static bool IsGenerated(MemberInfo member) => member.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false);

    private static bool IsAccessor(MethodInfo method) =>
        method.IsSpecialName && !method.Name.StartsWith("op_", StringComparison.Ordinal);
}
