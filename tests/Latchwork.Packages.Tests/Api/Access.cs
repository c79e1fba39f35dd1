using System.Reflection;

namespace Latchwork.Packages.Tests.Api;

/// <summary>How far a member can be seen from outside its assembly: "public", "protected", or null for not at all.</summary>
internal static class Access
{
    public static string? Of(MethodBase method) => method switch
    {
        { IsPublic: true } => "public",
        { IsFamily: true } or { IsFamilyOrAssembly: true } when !method.DeclaringType!.IsSealed => "protected",
        _ => null,
    };

    public static string? Of(FieldInfo field) => field switch
    {
        { IsPublic: true } => "public",
        { IsFamily: true } or { IsFamilyOrAssembly: true } when !field.DeclaringType!.IsSealed => "protected",
        _ => null,
    };

    public static string? Of(PropertyInfo property)
    {
        string?[] accessors = [.. property.GetAccessors(nonPublic: true).Select(Of)];
        return accessors.Contains("public") ? "public" : accessors.Contains("protected") ? "protected" : null;
    }

    public static string? Of(Type type) => type switch
    {
        { IsPublic: true } or { IsNestedPublic: true } => "public",
        { IsNestedFamily: true } or { IsNestedFamORAssem: true } when !type.DeclaringType!.IsSealed => "protected",
        _ => null,
    };
}
