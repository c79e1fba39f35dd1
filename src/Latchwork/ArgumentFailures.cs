namespace Latchwork;

/// <summary>Gathers what is wrong with several arguments or settings, so that all of it can be reported together.</summary>
internal static class ArgumentFailures
{
    /// <summary>Runs a check and notes what it throws, without the "(Parameter …)" and "Actual value …" that the runtime appends.</summary>
    /// <param name="failures">Where to note it.</param>
    /// <param name="check">Throws an <see cref="ArgumentException"/> if something is wrong.</param>
    public static void Gather(this List<string> failures, Action check)
    {
        try
        {
            check();
        }
        catch (ArgumentException e)
        {
            failures.Add(e.Message.Split(" (Parameter", 2)[0]);
        }
    }
}
