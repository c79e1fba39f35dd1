using System.Diagnostics.CodeAnalysis;

namespace Latchwork.Redis.Connections;

/// <summary>The server answered a command with an error.</summary>
[Experimental("LATCHWORK001")]
public sealed class RedisServerException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">The error as the server worded it, its code first: <c>OOM command not allowed …</c>.</param>
    public RedisServerException(string message)
        : base(message)
    {
        int end = message.AsSpan().IndexOf(' ');
        Code = end < 0 ? message : message[..end];
    }

    /// <summary>The first word of the message: <c>ERR</c>, <c>OOM</c>, <c>NOPERM</c>, <c>LOADING</c>, …</summary>
    public string Code { get; }
}
