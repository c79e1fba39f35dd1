using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Latchwork.Redis.Tests.Connecting;

/// <summary>The programs of docs/coming-from/hangfire.md and bullmq.md. They are compiled, and not run: their server is that of an installed service.</summary>
internal static class ComingFromExamples
{
    internal static async Task HangfireAsync(IHostApplicationBuilder builder, IDistributedTimer<OrderUnpaid> unpaid)
    {
        // Latchwork
        builder.Services.AddLatchwork()
            .UseRedis("redis://localhost:6379")
            .AddTimer<OrderUnpaid, CancelUnpaidOrder>("order-unpaid");

        await unpaid.PostAsync(new OrderUnpaid(41), TimeSpan.FromMinutes(15), new() { Id = "41" });   // IDistributedTimer<OrderUnpaid> unpaid

        await unpaid.CancelAsync("41");                           // paid in time: Done; InFlight if the handler has it already
    }

    internal static void BullMq(IHostApplicationBuilder builder)
    {
        // Latchwork
        builder.Services.AddLatchwork()
            .UseRedis("redis://localhost:6379")
            .AddTimer<Report, ReportHandler>("reports", options => options.MaxConcurrency = 16)
            .AddSchedule("reports", "nightly", Schedule.Cron("0 3 * * *", "Europe/Paris"), new Report("sales"), new() { MaxRetries = 3 });
    }

    public sealed record OrderUnpaid(int Number);

    public sealed class CancelUnpaidOrder(Orders orders) : ITimerHandler<OrderUnpaid>
    {
        public Task HandleAsync(OrderUnpaid value, TimerDelivery delivery, CancellationToken cancellationToken) => orders.CancelUnpaidAsync(value.Number, cancellationToken);
    }

    public sealed record Report(string Name);

    public sealed class ReportHandler : ITimerHandler<Report>
    {
        public Task HandleAsync(Report value, TimerDelivery delivery, CancellationToken cancellationToken) => Task.CompletedTask;
    }

    public sealed class Orders
    {
        private int _last;

        public Task CancelUnpaidAsync(int number, CancellationToken cancellationToken)
        {
            _last = number;
            return cancellationToken.IsCancellationRequested ? Task.FromCanceled(cancellationToken) : Task.FromResult(_last);
        }
    }
}
