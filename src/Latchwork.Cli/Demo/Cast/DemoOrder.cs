using System.Text.Json.Serialization;

namespace Latchwork.Cli.Demo.Cast;

/// <summary>What a node of the demo plays.</summary>
internal enum Part
{
    /// <summary>A listener of the first act.</summary>
    Listener,

    /// <summary>A node of the second.</summary>
    Locker,
}

/// <summary>Who a node is.</summary>
/// <param name="Part">What it plays.</param>
/// <param name="Name">Its name and node id.</param>
/// <param name="Namespace">The namespace of the act.</param>
internal sealed record Casting(Part Part, string Name, string Namespace);

/// <summary>What the demo tells a node.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "do")]
[JsonDerivedType(typeof(Play), "play")]
[JsonDerivedType(typeof(GoOn), "goOn")]
[JsonDerivedType(typeof(Ask), "ask")]
[JsonDerivedType(typeof(Finish), "finish")]
[JsonDerivedType(typeof(Leave), "leave")]
internal abstract record DemoOrder;

/// <summary>The first words to a process: what it is, and where. The address may hold a password, so it is no argument of the process.</summary>
internal sealed record Play(Casting Casting, string Store) : DemoOrder;

/// <summary>To a listener: handlers of the burst may end.</summary>
internal sealed record GoOn : DemoOrder;

/// <summary>To a locker node: every caller is to ask for these keys.</summary>
internal sealed record Ask(string[] Keys, int Round) : DemoOrder;

/// <summary>To a locker node: the work for this key may end.</summary>
internal sealed record Finish(string Key) : DemoOrder;

/// <summary>Leave the store in order, and end.</summary>
internal sealed record Leave : DemoOrder;
