using System.Reflection;
using System.Runtime.CompilerServices;

namespace Latchwork.Packages.Tests.Api;

/// <summary>One line for each member, as C# declares it.</summary>
internal static class MemberText
{
    public static string Of(ConstructorInfo constructor) =>
        $"{Attributes.Before(constructor)}{Begin(constructor)}{constructor.DeclaringType!.Name.Split('`')[0]}({Parameters.Of(constructor)})";

    public static string Of(FieldInfo field)
    {
        string modifier = field switch
        {
            { IsLiteral: true } => "const ",
            { IsStatic: true, IsInitOnly: true } => "static readonly ",
            { IsStatic: true } => "static ",
            { IsInitOnly: true } => "readonly ",
            _ => "",
        };
        string required = field.IsDefined(typeof(RequiredMemberAttribute)) ? "required " : "";
        string value = field.IsLiteral ? $" = {Literal.Of(field.GetRawConstantValue(), field.FieldType)}" : "";
        string type = TypeName.Of(field.FieldType, field.GetCustomAttributesData(), field);
        return $"{Attributes.Before(field)}{Access.Of(field)} {required}{modifier}{type} {field.Name}{value}";
    }

    public static string Of(PropertyInfo property)
    {
        string access = Access.Of(property)!;
        MethodInfo main = property.GetAccessors(nonPublic: true).First(accessor => Access.Of(accessor) == access);
        string type = TypeName.Of(property.PropertyType, property.GetCustomAttributesData(), main);
        string required = property.IsDefined(typeof(RequiredMemberAttribute)) ? "required " : "";
        string name = property.GetIndexParameters().Length == 0 ? property.Name : $"this[{Parameters.OfIndexer(property)}]";
        string accessors = Accessor(property.GetMethod, "get", access) + Accessor(property.SetMethod, Setter(property.SetMethod), access);
        return $"{Attributes.Before(property)}{Begin(main)}{required}{type} {name} {{{accessors} }}";
    }

    public static string Of(EventInfo happening)
    {
        string type = TypeName.Of(happening.EventHandlerType!, happening.GetCustomAttributesData(), happening.AddMethod!);
        return $"{Attributes.Before(happening)}{Begin(happening.AddMethod!)}event {type} {happening.Name}";
    }

    public static string Of(MethodInfo method)
    {
        Type[] parameters = method.IsGenericMethod ? method.GetGenericArguments() : [];
        string result = TypeName.Of(method.ReturnType, method.ReturnParameter.GetCustomAttributesData(), method);
        string signature = $"{method.Name}{Parameters.Generic(parameters)}({Parameters.Of(method)}){Parameters.Constraints(parameters)}";
        return $"{Attributes.Before(method)}{Begin(method)}{result} {signature}";
    }

    private static string Setter(MethodInfo? setter) =>
        setter?.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) == true ? "init" : "set";

    private static string Accessor(MethodInfo? accessor, string name, string access)
    {
        if (accessor is null || Access.Of(accessor) is not { } own) return "";
        return own == access ? $" {name};" : $" {own} {name};";
    }

    private static string Begin(MethodBase method)
    {
        if (method.DeclaringType!.IsInterface) return method.IsStatic ? "static abstract " : method.IsAbstract ? "" : "virtual ";
        bool overrides = method is MethodInfo info && info.GetBaseDefinition() != info;
        string modifier = method switch
        {
            { IsStatic: true } => "static ",
            { IsAbstract: true } => overrides ? "abstract override " : "abstract ",
            { IsFinal: true, IsVirtual: true } => overrides ? "sealed override " : "",
            { IsVirtual: true } => overrides ? "override " : "virtual ",
            _ => "",
        };
        return $"{Access.Of(method)} {modifier}";
    }
}
