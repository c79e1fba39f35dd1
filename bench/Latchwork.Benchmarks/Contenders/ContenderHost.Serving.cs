using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Latchwork.Benchmarks.Contenders;

/// <content>Takes requests from standard input and answers on standard output, as bench/peers/host.mjs does.</content>
internal static partial class ContenderHost
{
    private static async Task<int> ServeAsync(IContender contender)
    {
        Console.WriteLine("{\"ready\":1}");
        while (await Console.In.ReadLineAsync() is { } line)
        {
            JsonObject answer;
            try
            {
                answer = await AnswerAsync(contender, JsonNode.Parse(line)!.AsObject());
            }
#pragma warning disable CA1031 // It is told to the harness.
            catch (Exception e)
#pragma warning restore CA1031
            {
                answer = new JsonObject { ["error"] = e.ToString() };
            }

            Console.WriteLine(answer.ToJsonString());
        }

        return 0;
    }

    private static async Task<JsonObject> AnswerAsync(IContender contender, JsonObject request)
    {
        Func<JsonObject, Task<JsonObject?>> verb = contender.Verbs[request["do"]!.GetValue<string>()];
        long start = Stopwatch.GetTimestamp();
        TimeSpan cpu = Environment.CpuUsage.TotalTime;
        JsonObject answer = await verb(request) ?? [];
        answer["cpu"] ??= (Environment.CpuUsage.TotalTime - cpu).TotalSeconds;
        answer["wall"] ??= Stopwatch.GetElapsedTime(start).TotalSeconds;
        return answer;
    }
}

internal static class RequestExtensions
{
    public static double Number(this JsonObject request, string name, double otherwise) => request[name]?.GetValue<double>() ?? otherwise;

    public static int Count(this JsonObject request, string name, int otherwise = 1) => (int)request.Number(name, otherwise);

    public static string Word(this JsonObject request, string name) => request[name]!.GetValue<string>();
}
