namespace Latchwork.Redis.Checking;

/// <summary>What a server says of itself; null for what it does not tell.</summary>
/// <param name="TimeUs">Its time, in µs.</param>
/// <param name="Info">The fields of INFO.</param>
/// <param name="MissingCommands">Commands that scripts use and that it does not have.</param>
/// <param name="SavePoints">The setting <c>save</c>: when it takes snapshots.</param>
internal sealed record ServerReport(long TimeUs, IReadOnlyDictionary<string, string> Info, string[]? MissingCommands, string? SavePoints)
{
    /// <summary>Reads the reply of the script and, if there is one, that of <c>CONFIG GET save</c>.</summary>
    public static ServerReport Read(in RedisReply reply, RedisReply? save)
    {
        RedisReplies parts = reply.Items;
        var info = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (RedisReply section in parts[1].Items)
        {
            if (section.IsError || section.IsArray || section.IsNull)
                continue;
            foreach (string line in section.Text.Split('\n', StringSplitOptions.TrimEntries))
            {
                if (line.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon)
                    info[line[..colon]] = line[(colon + 1)..];
            }
        }

        string[]? missing = parts.Length > 2 && parts[2].IsArray ? Texts(parts[2].Items) : null;
        string? points = save is { IsArray: true } map && map.Items.Length > 1 ? map.Items[1].Text : null;
        return new ServerReport(parts[0].Number, info, missing, points);
    }

    /// <summary>A field of INFO.</summary>
    public string? Field(string name) => Info.GetValueOrDefault(name);

    private static string[] Texts(RedisReplies items)
    {
        var texts = new string[items.Length];
        for (int i = 0; i < texts.Length; i++)
            texts[i] = items[i].Text;
        return texts;
    }
}
