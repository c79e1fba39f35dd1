namespace Latchwork.Diagnostics;

/// <summary>Who listens to metrics and spans is code of the application, of which nothing else depends: what it throws is ignored.</summary>
internal static class Listeners
{
    public static void Tell<T>(T about, Action<T> tell)
    {
        try
        {
            tell(about);
        }
        catch (Exception)
        {
            // There is nobody else to tell.
        }
    }

    /// <summary>The message of an exception, which may be code of the application as well.</summary>
    public static string MessageOf(Exception exception)
    {
        try
        {
            return exception.Message ?? "";
        }
        catch (Exception e)
        {
            return $"(its message cannot be read: {e.GetType().Name})";
        }
    }
}
