using Latchwork.Faults.Running;
using Latchwork.Faults.Work;

namespace Latchwork.Faults;

/// <summary><c>run …</c> is what <c>./fault-run</c> starts; <c>worker …</c> is what a run starts; the tests are found by <c>dotnet test</c>.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] arguments) => arguments switch
    {
        ["worker", .. string[] rest] => await WorkerProgram.RunAsync(rest),
        ["run", .. string[] rest] => await RunProgram.RunAsync(rest),
        _ => RunProgram.Refuse("Say 'run' or 'worker'."),
    };
}
