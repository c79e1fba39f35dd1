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
    public async Task A_thousand_streams_share_one_look_a_second_have_a_bound_and_leave_nothing_behind()
    {
        const int Streams = 1000;
        var clock = new ManualTimeProvider();
        await using DashboardHost host = await DashboardHost.StartAsync(options => options.MaxStreams = Streams, clock);
        await host.PostAsync("orders", "1", TimeSpan.FromHours(1));
        List<(HttpResponseMessage Answer, StreamReader Reader)> open = [];
        foreach (int[] some in Enumerable.Range(0, Streams).Chunk(50))
        {
            open.AddRange(await Task.WhenAll(some.Select(async i =>
            {
                HttpResponseMessage answer = await host.Client.GetAsync(i % 2 == 0 ? "live?view=overview" : "live?view=namespace&ns=orders", HttpCompletionOption.ResponseHeadersRead);
                answer.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
                var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
                await ReadToAsync(reader, "");
                return (answer, reader);
            })));
        }

        (host.OpenStreams, host.Feeds.Feeds).ShouldBe((Streams, 2));
        for (int i = 0; i < 20; i++)
        {
            using HttpResponseMessage refused = await host.Client.GetAsync("live?view=nodes", HttpCompletionOption.ResponseHeadersRead);
            (refused.StatusCode, refused.Headers.RetryAfter?.Delta).ShouldBe((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(30)));
        }

        const int Looks = 5;
        host.Store.Commands.Clear();
        for (int look = 1; look <= Looks; look++)
        {
            await host.PostAsync("orders", $"more-{look}", TimeSpan.FromHours(1));
            clock.Advance(TimeSpan.FromSeconds(1));
            foreach ((_, StreamReader reader) in open)
            {
                (await reader.ReadLineAsync())!.ShouldStartWith("data: ");
                await ReadToAsync(reader, "");
            }
        }

        Dictionary<string, int> commands = host.Store.Count();
        (commands["GetStatsAsync"], commands["GetNodesAsync"]).ShouldBe((Looks, Looks));

        foreach ((HttpResponseMessage answer, StreamReader reader) in open)
        {
            reader.Dispose();
            answer.Dispose();
        }

        await Eventually.HoldsAsync(() => (host.OpenStreams, host.Feeds.Feeds) == (0, 0), "all is free");
        host.Store.Commands.Clear();
        clock.Advance(TimeSpan.FromHours(1));
        using HttpResponseMessage again = await host.Client.GetAsync("live?view=nodes", HttpCompletionOption.ResponseHeadersRead);
        again.StatusCode.ShouldBe(HttpStatusCode.OK);
        using var last = new StreamReader(await again.Content.ReadAsStreamAsync());
        await ReadToAsync(last, "");
        commands = host.Store.Count();
        (commands["GetStatsAsync"], commands["GetNodesAsync"]).ShouldBe((1, 1), "nothing was read while nobody looked");
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
