using System.Globalization;
using System.Net;

namespace Latchwork.Benchmarks.Rendering;

internal static class Text
{
    /// <summary>A number as people read it: three significant digits, thousands apart.</summary>
    public static string Number(double value)
    {
        if (!double.IsFinite(value)) return "–";
        double size = Math.Abs(value);
        if (size >= 1000) return (Math.Round(value / Step(size)) * Step(size)).ToString("N0", CultureInfo.InvariantCulture);
        string format = size >= 100 ? "F0" : size >= 10 ? "F1" : "F2";
        return size == 0 ? "0" : value.ToString(format, CultureInfo.InvariantCulture);

        static double Step(double size) => Math.Pow(10, Math.Max(0, Math.Floor(Math.Log10(size)) - 2));
    }

    public static string Xml(string text) => WebUtility.HtmlEncode(text);
}
