using System.Text.Json.Nodes;

namespace Latchwork.Benchmarks.Harness;

/// <summary>
/// What became of numbered events, counted in the same way for everybody: a contender says only which numbers its handlers saw, and how late.
/// </summary>
/// <param name="Lost">Numbers that no handler saw.</param>
/// <param name="Repeated">Deliveries beyond the first of a number.</param>
/// <param name="Early">Deliveries more than 1 ms too early: the peers keep whole milliseconds.</param>
/// <param name="Late">Deliveries more than a second late.</param>
/// <param name="Lateness">All deliveries' lateness in ms, in ascending order.</param>
internal sealed record EventCheck(int Lost, int Repeated, int Early, int Late, double[] Lateness)
{
    /// <param name="expected">How many were posted, with the numbers from 0 on.</param>
    /// <param name="taken">A contender's answer: <c>numbers</c> and <c>late</c>, in ms.</param>
    /// <exception cref="InvalidOperationException">A number was never posted.</exception>
    public static EventCheck Of(int expected, JsonObject taken)
    {
        double[] numbers = taken.Numbers("numbers"), late = taken.Numbers("late");
        if (numbers.Length != late.Length) throw new InvalidOperationException($"There are {numbers.Length} numbers and {late.Length} times.");
        bool[] seen = new bool[expected];
        int repeated = 0;
        foreach (double number in numbers)
        {
            if (number < 0 || number >= expected) throw new InvalidOperationException($"The number {number} was never posted; there were {expected}.");
            if (seen[(int)number]) repeated++;
            seen[(int)number] = true;
        }

        return new EventCheck(seen.Count(was => !was), repeated, late.Count(value => value < -1), late.Count(value => value > 1000), [.. late.Order()]);
    }
}
