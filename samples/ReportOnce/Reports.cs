using System.Text.Json.Serialization;

namespace ReportOnce;

public sealed record Report(string Month, long Total, string ComputedBy, long FencingToken);

/// <summary>Reports that take their time.</summary>
public sealed partial class Reports(IConfiguration configuration, ILogger<Reports> log)
{
    public async Task<Report> ComputeAsync(string month, long fencingToken, CancellationToken cancellationToken)
    {
        LogComputing(month);
        await Task.Delay(TimeSpan.FromSeconds(configuration.GetValue("ComputeSeconds", 3.0)), cancellationToken);
        long total = Enumerable.Range(1, 1000).Sum(i => (long)i);
        return new Report(month, total, $"process {Environment.ProcessId}", fencingToken);
    }

    [LoggerMessage(1, LogLevel.Information, "Computing the report of {Month}.")]
    private partial void LogComputing(string month);
}

[JsonSourceGenerationOptions(System.Text.Json.JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(Report))]
public sealed partial class ReportJson : JsonSerializerContext;
