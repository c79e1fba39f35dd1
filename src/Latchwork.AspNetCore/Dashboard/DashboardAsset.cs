using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;

namespace Latchwork.Dashboard;

/// <summary>A file that pages load. Its address names its content, so that browsers keep it.</summary>
internal sealed class DashboardAsset
{
    private readonly byte[] _content;

    private DashboardAsset(string name, string contentType)
    {
        Name = name;
        ContentType = contentType;
        using Stream stream = typeof(DashboardAsset).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The file '{name}' is missing in the assembly.");
        _content = new byte[stream.Length];
        stream.ReadExactly(_content);
        Version = Convert.ToHexString(SHA256.HashData(_content)[..8]);
    }

    public static DashboardAsset Style { get; } = new("latchwork.css", "text/css; charset=utf-8");

    public static DashboardAsset Script { get; } = new("latchwork.js", "text/javascript; charset=utf-8");

    public static IReadOnlyList<DashboardAsset> All { get; } = [Style, Script];

    public string Name { get; }

    public string ContentType { get; }

    /// <summary>Of its content.</summary>
    public string Version { get; }

    /// <summary>Its address, relative to any page.</summary>
    public string Address => $"{Name}?v={Version}";

    public async Task WriteAsync(HttpContext context)
    {
        context.Response.ContentType = ContentType;
        context.Response.ContentLength = _content.Length;
        context.Response.Headers.CacheControl = "private, max-age=31536000, immutable";
        await context.Response.Body.WriteAsync(_content, context.RequestAborted).ConfigureAwait(false);
    }
}
