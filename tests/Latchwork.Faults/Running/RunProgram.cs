namespace Latchwork.Faults.Running;

/// <summary>What <c>./fault-run</c> starts.</summary>
internal static class RunProgram
{
    /// <summary>Runs, or checks an earlier run again.</summary>
    /// <returns>The exit code: 0 if all promises held, 1 if one was broken, 2 if it could not be run.</returns>
    public static async Task<int> RunAsync(string[] arguments)
    {
        if (arguments is ["--help" or "-h"])
        {
            Console.WriteLine(RunOptions.Usage);
            return 0;
        }

        RunOptions options;
        try
        {
            options = RunOptions.Parse(arguments);
        }
        catch (ArgumentException e)
        {
            return Refuse(e.Message);
        }

        if (options.Check is { } folder)
        {
            return Directory.Exists(folder) ? RunReport.Check(folder, Console.Out) : Refuse($"There is no folder '{folder}'.");
        }

        RunResult result = await FaultRun.RunAsync(options, Console.WriteLine);
        return RunReport.Show(options, result, Console.Out);
    }

    /// <summary>Says what is wrong with the arguments.</summary>
    /// <param name="problem">What.</param>
    public static int Refuse(string problem)
    {
        Console.Error.WriteLine(problem);
        Console.Error.WriteLine(RunOptions.Usage);
        return 2;
    }
}
