namespace Latchwork;

/// <summary>Something about a store that works but puts data or service at risk: a server that may evict events, one that keeps nothing on disk.</summary>
/// <param name="Code">What it is, for programs: short, lower case with hyphens, and the same in every version (<c>may-evict</c>).</param>
/// <param name="Message">What it is and what to do about it, for people: one or two sentences, without passwords.</param>
public sealed record StoreWarning(string Code, string Message);
