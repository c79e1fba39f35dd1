using Shouldly;
using Xunit;

namespace Latchwork.Tests.Locking;

/// <summary>Bad input gets a clear error, and nothing is sent.</summary>
public sealed class LockerArgumentTests : LockerTestBase
{
    [Fact]
    public void All_bad_settings_are_named_together_with_their_values()
    {
        ArgumentException e = Should.Throw<ArgumentException>(() => NewNode(o =>
        {
            o.Namespace = "";
            o.ResultTimeout = TimeSpan.FromSeconds(-1);
            o.LockTimeout = TimeSpan.FromSeconds(3);
            o.LeaseDuration = TimeSpan.FromSeconds(4);
            o.FallbackPollInterval = TimeSpan.Zero;
            o.MaxResultBytes = 0;
        }));
        foreach (string part in new[] { "'Namespace'", "'ResultTimeout'", "it is -1s", "'LeaseDuration' must be between 100ms and 'LockTimeout' (3s); it is 4s", "'FallbackPollInterval'", "'MaxResultBytes'" })
        {
            e.Message.ShouldContain(part);
        }
    }

    [Fact]
    public async Task Keys_have_1_to_512_bytes()
    {
        (ProcessLocker node, StagedLockerStore stage) = NewNode();
        foreach (string key in new[] { "", new string('x', 513), new string('é', 257), "\ud800" })
        {
            await Should.ThrowAsync<ArgumentException>(() => node.RequestAsync(key));
            await Should.ThrowAsync<ArgumentException>(() => node.RunOnceAsync(key, (_, _) => Task.FromResult(1)));
            await Should.ThrowAsync<ArgumentException>(() => node.TryGetAsync(key));
            await Should.ThrowAsync<ArgumentException>(() => node.AcquireAsync(key));
            await Should.ThrowAsync<ArgumentException>(() => node.TryAcquireAsync(key));
            await Should.ThrowAsync<ArgumentException>(() => node.ForgetAsync(key));
            await Should.ThrowAsync<ArgumentException>(() => node.PublishAsync(key, 1, null));
        }

        stage.Order.ShouldBeEmpty();
        await using WorkLease lease = await node.AcquireAsync(new string('x', 512));
    }

    [Fact]
    public async Task Times_and_sizes_have_limits()
    {
        (ProcessLocker node, StagedLockerStore stage) = NewNode(o => o.MaxResultBytes = 10);
        await Should.ThrowAsync<ArgumentException>(() => node.RunOnceAsync("k", (_, _) => Task.FromResult(1), new() { ResultTimeout = Ms(-1) }));
        await Should.ThrowAsync<ArgumentException>(() => node.RunOnceAsync("k", (_, _) => Task.FromResult(1), new() { WaitTimeout = TimeSpan.Zero }));
        await Should.ThrowAsync<ArgumentException>(() => node.RunOnceAsync("k", (_, _) => Task.FromResult(1), new() { ResultJitter = double.NaN }));
        await Should.ThrowAsync<ArgumentException>(() => node.RequestAsync("k", Ms(-1)));
        await Should.ThrowAsync<ArgumentException>(() => node.PublishAsync("k", 1, new byte[11]));
        await Should.ThrowAsync<ArgumentException>(() => node.FailAsync("k", 1, "", "message"));
        Should.Throw<ArgumentException>(() => FailurePolicy.CacheFor(Ms(-1)));
        stage.Order.ShouldBeEmpty();

        RunFailedException e = await Should.ThrowAsync<RunFailedException>(node.RunOnceAsync("k", (_, _) => Task.FromResult<byte[]?>(new byte[11])));
        e.Message.ShouldContain("at most 10 bytes; it has 11");
        WorkLease lease = (await node.RequestAsync("k")).Lease!;
        await Should.ThrowAsync<ArgumentException>(() => lease.PublishAsync(new byte[11]));
        Should.Throw<ArgumentOutOfRangeException>(() => lease.ResultTimeout = Ms(-1));
        lease.IsHeld.ShouldBeTrue("a refused argument ends nothing");
    }

    [Fact]
    public async Task A_failures_text_is_cut_between_characters()
    {
        (ProcessLocker node, _) = NewNode();
        RunFailedException e = await Should.ThrowAsync<RunFailedException>(
            node.RunOnceAsync<int>("k", (_, _) => throw new InvalidOperationException(new string('é', 1000) + "x")));
        e.Message.ShouldBe(new string('é', 512));
    }

    [Fact]
    public async Task The_factory_can_set_the_lifetime_and_jitter_spreads_it()
    {
        (ProcessLocker node, _) = NewNode();
        List<double> lifetimes = [];
        for (int i = 0; i < 20; i++)
        {
            await node.RunOnceAsync($"k{i}", (lease, _) =>
            {
                lease.ResultTimeout = TimeSpan.FromMinutes(100);
                return Task.FromResult(i);
            }, new() { ResultTimeout = TimeSpan.Zero, ResultJitter = 0.5 });
            lifetimes.Add((await node.PeekAsync($"k{i}"))!.FreshFor!.Value.TotalMinutes);
        }

        lifetimes.ShouldAllBe(minutes => minutes > 49 && minutes <= 150);
        lifetimes.Distinct().Count().ShouldBeGreaterThan(10);
    }
}
