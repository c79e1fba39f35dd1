using Latchwork.Storage;
using Latchwork.StoreConformance.Engine;
using Latchwork.StoreConformance.Support;
using Latchwork.Tests.Hosting;
using Microsoft.Extensions.Logging;
using Shouldly;
using Xunit;

namespace Latchwork.Tests.Timers;

/// <summary>What the log tells of events whose attempts fail.</summary>
public sealed class TimerLogTests : IAsyncDisposable
{
    private const int AttemptFailed = 102, DeadLettered = 111, DeadLetteredByLease = 112, NotConfirmed = 116, Payload = 124;

    private readonly LogRecorder _log = new();
    private readonly ILoggerFactory _loggers;
    private readonly FaultyStore _store = new(new InMemoryStore());

    public TimerLogTests() => _loggers = LoggerFactory.Create(builder => builder.SetMinimumLevel(LogLevel.Trace).AddProvider(_log));

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        _loggers.Dispose();
    }

    [Fact]
    public async Task Each_failure_says_which_event_which_attempt_and_what_happens_next_and_the_last_one_is_an_error()
    {
        await using DistributedTimer timer = NewTimer();
        await timer.JoinAsync((_, _) => throw new InvalidOperationException("boom"));
        await timer.PostAsync("secret"u8.ToArray(), TimeSpan.Zero, new() { Id = "41", MaxRetries = 1 });
        await Eventually.HoldsAsync(() => (_log.Count(AttemptFailed), _log.Count(DeadLettered)) == (1, 1), "the event is dead-lettered"); // logs are written on the pool, in any order

        LogRecorder.LogEntry first = _log.Entries.Single(entry => entry.Id == AttemptFailed), last = _log.Entries.Single(entry => entry.Id == DeadLettered);
        first.Text.ShouldBe("Event 41 of orders: attempt 1 of 2 failed (InvalidOperationException: boom); retry in 20 ms.");
        last.Text.ShouldBe("Event 41 of orders: attempt 2 of 2 failed (InvalidOperationException: boom); dead-lettered: RetriesExhausted.");
        (first.Level, last.Level).ShouldBe((LogLevel.Warning, LogLevel.Error));
        first.Exception.ShouldBeOfType<InvalidOperationException>();
        (last.Values["EventId"], last.Values["Namespace"], last.Values["Attempt"], last.Values["Attempts"], last.Values["Reason"])
            .ShouldBe(("41", "orders", 2L, 2L, DeadLetterReason.RetriesExhausted));
        _log.Entries.ShouldAllBe(entry => !entry.Text.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_payload_is_logged_only_if_that_is_asked_for()
    {
        await using DistributedTimer timer = NewTimer(options => options.LogPayloads = true);
        await timer.JoinAsync((_, _) => throw new InvalidOperationException("boom"));
        await timer.PostAsync("secret"u8.ToArray(), TimeSpan.Zero, new() { Id = "41", MaxRetries = 0 });
        await Eventually.HoldsAsync(() => _log.Count(Payload) == 1, "the payload is logged");
        _log.Entries.Single(entry => entry.Id == Payload).Text.ShouldBe("Event 41 of orders has the payload secret");
    }

    [Fact]
    public async Task What_a_handler_decides_is_logged_like_what_it_throws()
    {
        await using DistributedTimer timer = NewTimer();
        await timer.JoinAsync((delivery, _) => delivery.Id == "later" && delivery.Retries == 0
            ? delivery.RetryAsync(TimeSpan.Zero, "not yet")
            : delivery.Id == "never" ? delivery.DeadLetterAsync("no such order") : Task.CompletedTask);
        foreach (string id in (string[])["later", "never"]) await timer.PostAsync("x"u8.ToArray(), TimeSpan.Zero, new() { Id = id, MaxRetries = 1 });
        await Eventually.HoldsAsync(() => _log.Count(DeadLettered) == 1 && _log.Count(AttemptFailed) == 1, "both are logged");
        _log.Entries.Single(entry => entry.Id == AttemptFailed).Text.ShouldBe("Event later of orders: attempt 1 of 2 failed (not yet); retry in 0 ms.");
        _log.Entries.Single(entry => entry.Id == DeadLettered).Text.ShouldBe("Event never of orders: attempt 1 of 2 failed (no such order); dead-lettered: Rejected.");
    }

    [Fact]
    public async Task A_death_by_an_expired_lease_is_an_error_where_it_is_found()
    {
        await using DistributedTimer dying = NewTimer(options => options.LeaseDuration = TimeSpan.FromMilliseconds(100));
        var started = new TaskCompletionSource();
        await dying.JoinAsync(async (_, stop) =>
        {
            started.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, stop);
        });
        await dying.PostAsync("x"u8.ToArray(), TimeSpan.Zero, new() { Id = "41", MaxRetries = 0 });
        await started.Task;
        dying.Abandon();
        await using DistributedTimer finder = NewTimer();
        await finder.JoinAsync((_, _) => Task.CompletedTask);
        await Eventually.HoldsAsync(() => _log.Count(DeadLetteredByLease) == 1, "the death is logged");
        LogRecorder.LogEntry death = _log.Entries.Single(entry => entry.Id == DeadLetteredByLease);
        (death.Level, death.Values["Count"], death.Values["Namespace"]).ShouldBe((LogLevel.Error, 1, "orders"));
    }

    [Fact]
    public async Task An_event_that_cannot_be_confirmed_has_a_message_of_its_own()
    {
        await using DistributedTimer timer = NewTimer();
        _store.Faults.FailAlways(nameof(ITimerStore.ConfirmAsync), Fault.ThrowsAtOnce);
        await timer.JoinAsync((_, _) => Task.CompletedTask);
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.Zero, new() { Id = "41", MaxRetries = 3 });
        await Eventually.HoldsAsync(() => _log.Count(NotConfirmed) == 1, "it is logged");
        _log.Entries.Single(entry => entry.Id == NotConfirmed).Text
            .ShouldBe("Event 41 of orders: attempt 1 of 4 was handled, but could not be confirmed; its lease runs out, and it is delivered again.");
    }

    [Fact]
    public async Task What_a_handler_logs_is_in_a_scope_that_names_the_event()
    {
        ILogger own = _loggers.CreateLogger("Shop");
        await using DistributedTimer timer = NewTimer();
        await timer.JoinAsync(async (_, _) =>
        {
            await Task.Yield();
            own.Handling();
        });
        await timer.PostAsync("x"u8.ToArray(), TimeSpan.Zero, new() { Id = "41", MaxRetries = 3 });
        await Eventually.HoldsAsync(() => _log.Entries.Any(entry => entry.Category == "Shop"), "the handler has logged");
        IReadOnlyDictionary<string, object?> scope = _log.Entries.Single(entry => entry.Category == "Shop").Scope;
        (scope["EventId"], scope["Namespace"], scope["Attempt"], scope["Attempts"]).ShouldBe(("41", "orders", 1L, 4L));
    }

    [Fact]
    public void No_two_messages_share_an_id()
    {
        int[] ids = [.. typeof(DistributedTimer).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods(System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.NonPublic))
            .SelectMany(method => method.GetCustomAttributes(typeof(LoggerMessageAttribute), false).Cast<LoggerMessageAttribute>())
            .Select(message => message.EventId)];
        ids.Length.ShouldBeGreaterThan(40);
        ids.ShouldBeUnique();
    }

    private DistributedTimer NewTimer(Action<TimerOptions>? configure = null)
    {
        var options = new TimerOptions { Namespace = "orders", LoggerFactory = _loggers, Backoff = new() { Initial = TimeSpan.FromMilliseconds(20), Jitter = 0 } };
        configure?.Invoke(options);
        return new DistributedTimer(_store, options);
    }
}

internal static partial class ShopLog
{
    [LoggerMessage(1, LogLevel.Information, "Handling.")]
    public static partial void Handling(this ILogger logger);
}
