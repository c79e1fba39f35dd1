using System.Text.Json.Nodes;

namespace Latchwork.Benchmarks.Contenders;

/// <summary>One who takes part: what it can be asked to do, by verb. All use the same verbs for the same work.</summary>
internal interface IContender : IAsyncDisposable
{
    IReadOnlyDictionary<string, Func<JsonObject, Task<JsonObject?>>> Verbs { get; }
}
