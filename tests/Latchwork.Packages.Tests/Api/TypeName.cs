using System.Collections.ObjectModel;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace Latchwork.Packages.Tests.Api;

/// <summary>
/// The name of a type where it is used, without its namespace and with its question marks. The compiler writes one byte for each reference in
/// the type, outermost first (2: may be null); where all are the same it writes one, and where that is usual here, it writes it further out.
/// </summary>
internal sealed class TypeName
{
    private const string NullableName = "System.Runtime.CompilerServices.NullableAttribute";
    private const string ContextName = "System.Runtime.CompilerServices.NullableContextAttribute";

    private static readonly Dictionary<Type, string> _keywords = new()
    {
        [typeof(bool)] = "bool",
        [typeof(byte)] = "byte",
        [typeof(char)] = "char",
        [typeof(decimal)] = "decimal",
        [typeof(double)] = "double",
        [typeof(float)] = "float",
        [typeof(int)] = "int",
        [typeof(long)] = "long",
        [typeof(object)] = "object",
        [typeof(sbyte)] = "sbyte",
        [typeof(short)] = "short",
        [typeof(string)] = "string",
        [typeof(uint)] = "uint",
        [typeof(ulong)] = "ulong",
        [typeof(ushort)] = "ushort",
        [typeof(void)] = "void",
    };

    private readonly IReadOnlyList<byte> _marks;
    private readonly StringBuilder _text = new();
    private int _next;

    private TypeName(IReadOnlyList<byte> marks) => _marks = marks;

    /// <summary>The name without question marks.</summary>
    public static string Of(Type type) => new TypeName([0]).Write(type);

    /// <summary>The name of a parameter's, property's, field's or event's type.</summary>
    public static string Of(Type type, IEnumerable<CustomAttributeData> attributes, MemberInfo member) =>
        new TypeName(Marks(attributes, NullableName) ?? Context(member)).Write(type);

    private static IReadOnlyList<byte> Context(MemberInfo? member)
    {
        for (MemberInfo? at = member; at is not null; at = at.DeclaringType)
        {
            if (Marks(at.GetCustomAttributesData(), ContextName) is { } marks) return marks;
        }

        return [0];
    }

    private static byte[]? Marks(IEnumerable<CustomAttributeData> attributes, string name) =>
        attributes.FirstOrDefault(attribute => attribute.AttributeType.FullName == name)?.ConstructorArguments[0].Value switch
        {
            byte one => [one],
            ReadOnlyCollection<CustomAttributeTypedArgument> many => [.. many.Select(mark => (byte)mark.Value!)],
            _ => null,
        };

    private string Write(Type type)
    {
        Append(type);
        return _text.ToString();
    }

    private void Append(Type type)
    {
        if (type.IsByRef)
        {
            Append(type.GetElementType()!);
        }
        else if (Nullable.GetUnderlyingType(type) is { } value)
        {
            Append(value);
            _text.Append('?');
        }
        else
        {
            bool mayBeNull = (!type.IsValueType || type.IsGenericType) && NextMark() == 2;
            AppendPlain(type);
            if (mayBeNull) _text.Append('?');
        }
    }

    private void AppendPlain(Type type)
    {
        if (type.IsArray)
        {
            Append(type.GetElementType()!);
            _text.Append('[').Append(',', type.GetArrayRank() - 1).Append(']');
        }
        else if (type.IsGenericType && type.IsAssignableTo(typeof(ITuple)) && type.IsValueType)
        {
            AppendAll("(", type.GetGenericArguments(), ")");
        }
        else
        {
            if (type is { IsNested: true, IsGenericParameter: false }) _text.Append(type.DeclaringType!.Name.Split('`')[0]).Append('.');
            _text.Append(_keywords.GetValueOrDefault(type) ?? type.Name.Split('`')[0]);
            if (type.IsGenericType) AppendAll("<", type.GetGenericArguments(), ">");
        }
    }

    private void AppendAll(string begin, Type[] types, string end)
    {
        _text.Append(begin);
        for (int i = 0; i < types.Length; i++)
        {
            if (i > 0) _text.Append(", ");
            Append(types[i]);
        }

        _text.Append(end);
    }

    private byte NextMark() => _marks.Count == 1 ? _marks[0] : _marks[_next++];
}
