using System.Net;
using Latchwork.Dashboard;
using Latchwork.StoreConformance.Support;
using Latchwork.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Dashboard;

/// <summary>How long a stream lives, who shares it, and what ends it.</summary>
public sealed class StreamTests
{
    [Fact]
    public async Task Who_comes_after_a_feed_failed_begins_another()
    {
        using var feeds = new FragmentFeeds(TimeProvider.System, NullLogger.Instance, maxStreams: 10);
        using FragmentFeeds.Subscription first = feeds.TryOpen("x", _ => throw new InvalidOperationException("cannot be rendered"))!;
        (await first.Fragments.WaitToReadAsync()).ShouldBeFalse();

        // The first browser has not left.
        using FragmentFeeds.Subscription second = feeds.TryOpen("x", _ => Task.FromResult("works"))!;
        (await second.Fragments.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30))).ShouldBe("works");
        first.Dispose();
        using FragmentFeeds.Subscription third = feeds.TryOpen("x", _ => Task.FromResult("another"))!;
        (await third.Fragments.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30))).ShouldBe("works", "it shares what the second began");
        second.Dispose();
        third.Dispose();
        (feeds.Open, feeds.Feeds).ShouldBe((0, 0));
    }

    [Fact]
    public async Task A_feed_runs_in_the_context_of_no_browser()
    {
        var browser = new AsyncLocal<string?> { Value = "the first browser" };
        using var feeds = new FragmentFeeds(TimeProvider.System, NullLogger.Instance, maxStreams: 10);
        using FragmentFeeds.Subscription stream = feeds.TryOpen("x", _ => Task.FromResult(browser.Value ?? "nobody's"))!;
        (await stream.Fragments.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30))).ShouldBe("nobody's");
    }

    [Fact]
    public async Task A_stream_says_that_it_lives_and_ends_when_its_user_may_look_no_longer()
    {
        var clock = new ManualTimeProvider();
        bool isAdmitted = true;
        await using DashboardHost host = await DashboardHost.StartAsync(options => options.ReadPolicy = "changing", clock, () => isAdmitted);
        using HttpResponseMessage answer = await host.Client.GetAsync("live?view=overview", HttpCompletionOption.ResponseHeadersRead);
        using var stream = new StreamReader(await answer.Content.ReadAsStreamAsync());
        await ReadToAsync(stream, "");
        (await BeatAsync(clock, () => ReadToAsync(stream, ": still here"))).ShouldBe(": still here");
        isAdmitted = false;
        (await BeatAsync(clock, () => ReadToAsync(stream, "never"))).ShouldBeNull("it has ended");
        await Eventually.HoldsAsync(() => host.OpenStreams == 0, "its place is free");
        await host.GetAsync("live?view=overview", HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task A_browser_is_told_to_open_an_old_stream_anew()
    {
        var clock = new ManualTimeProvider();
        await using DashboardHost host = await DashboardHost.StartAsync(configure: null, clock);
        using HttpResponseMessage answer = await host.Client.GetAsync("live?view=overview", HttpCompletionOption.ResponseHeadersRead);
        using var stream = new StreamReader(await answer.Content.ReadAsStreamAsync());
        await ReadToAsync(stream, "");
        clock.Advance(TimeSpan.FromMinutes(5));
        (await BeatAsync(clock, () => ReadToAsync(stream, "event: reopen"))).ShouldBe("event: reopen");
        (await stream.ReadLineAsync()).ShouldBe("data: now");
        (await ReadToAsync(stream, "never")).ShouldBeNull();
        await Eventually.HoldsAsync(() => host.OpenStreams == 0, "its place is free");
    }

    private static async Task<string?> ReadToAsync(StreamReader stream, string wanted)
    {
        string? line;
        do line = await stream.ReadLineAsync();
        while (line is not null && line != wanted);
        return line;
    }

    // The stream may not yet wait for its next heartbeat: the clock goes on until it has been heard.
    private static async Task<string?> BeatAsync(ManualTimeProvider clock, Func<Task<string?>> read)
    {
        Task<string?> heard = read();
        await clock.AdvanceUntilAsync(() => heard.IsCompleted, TimeSpan.FromSeconds(1), "a heartbeat");
        return await heard;
    }
}
