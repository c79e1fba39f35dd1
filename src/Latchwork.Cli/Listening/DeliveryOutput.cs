using System.Globalization;
using Latchwork.Cli.Output;

namespace Latchwork.Cli.Listening;

/// <summary>A delivery as <c>timer listen</c> prints it.</summary>
internal static class DeliveryOutput
{
    public static void Write(Printer printer, DistributedTimer timer, TimerDelivery delivery)
    {
        TimeSpan lateness = delivery.Lateness;
        printer.Result(
            json =>
            {
                json.WriteString("id", delivery.Id);
                json.WriteNumber("retries", delivery.Retries);
                json.WriteNumber("maxRetries", delivery.MaxRetries);
                json.WriteString("token", delivery.Token);
                json.WriteNumber("latenessMs", Math.Round(lateness.TotalMilliseconds, 3));
                json.WriteData(delivery.Payload);
                json.WriteString("node", timer.NodeId);
            },
            () => Line(delivery, lateness));
        printer.Flush();
    }

    private static string Line(TimerDelivery delivery, TimeSpan lateness)
    {
        string retries = delivery.Retries == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"  retry {delivery.Retries} of {delivery.MaxRetries}");
        return $"{Printable.OneLine(delivery.Id)}  {Printable.Duration(lateness)} late{retries}  {Printable.Payload(delivery.Payload.Span)}";
    }
}
