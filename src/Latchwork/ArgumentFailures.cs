namespace Latchwork;

/// <summary>What is wrong with arguments or settings, in words for people.</summary>
internal static class ArgumentFailures
{
    /// <summary>What an exception says, without the "(Parameter …)" and "Actual value …" that the runtime appends.</summary>
    public static string MessageOf(ArgumentException exception) => exception.Message.Split(" (Parameter '", 2)[0].Split("\nActual value", 2)[0].TrimEnd();

    /// <summary>Runs a check and notes what it throws, so that all that is wrong can be reported together.</summary>
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
            failures.Add(MessageOf(e));
        }
    }
}
