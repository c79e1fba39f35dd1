using Latchwork.Storage;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Locking;

/// <summary>Any text is a legal key and namespace: its keys in Redis share one slot of a cluster, and the listing gives it back.</summary>
public sealed class LockerNamesTests : LockerTest
{
    public static TheoryData<string> OddTexts =>
    [
        "}x", "{}", "{", "}", "%7D", "%", "a:b", ":", "a*?[b]\\^-", "größe \U0001F600", "line\nbreak", "}:lock", new string('k', 512), new string('}', 512),
    ];

    [Theory]
    [MemberData(nameof(OddTexts))]
    public async Task An_odd_key_works_in_one_slot_and_is_listed(string text)
    {
        long fencingToken = await TakeAsync(text);
        (await ListAsync()).Single().Key.ShouldBe(text);
        (await PublishAsync(text, fencingToken)).ShouldBe(PublishOutcome.Accepted);
        await TakeAsync(text);
        (await TryGetAsync(text)).ShouldNotBeNull();
        await CheckSlotsAsync();
    }

    [Theory]
    [MemberData(nameof(OddTexts))]
    public async Task An_odd_namespace_works_in_one_slot_and_lists_its_own_keys_only(string text)
    {
        LockerKey mine = new(text, "mine");
        await Locks.OpenAsync(text, default);
        LockGranted granted = (await Locks.RequestAsync(mine, Ask("n"), default)).ShouldBeOfType<LockGranted>();
        await TakeAsync("other");
        (await ListAsync(text)).Select(key => key.Key).ShouldBe(["mine"]);
        (await Locks.ReleaseAsync(mine, granted.FencingToken, "n", default)).ShouldBeTrue();
        await CheckSlotsAsync(expected: 2);
    }

    [Fact]
    public async Task A_colon_in_a_namespace_does_not_make_two_keys_one()
    {
        await Locks.RequestAsync(new LockerKey("a:b", "c"), Ask("one"), default);
        (await Locks.RequestAsync(new LockerKey("a", "b:c"), Ask("two"), default)).ShouldBeOfType<LockGranted>();
        (await ListAsync("a")).Single().Key.ShouldBe("b:c");
    }

    [Fact]
    public async Task Thousands_of_keys_are_listed_in_small_pages_and_only_those_that_are_locked()
    {
        const int Count = 3_000;
        long[] fencingTokens = await Task.WhenAll(Enumerable.Range(0, Count).Select(i => TakeAsync($"key-{i}")));
        await Task.WhenAll(Enumerable.Range(0, Count).Where(i => i % 3 == 0).Select(i => ReleaseAsync($"key-{i}", fencingTokens[i])));
        await Task.WhenAll(Enumerable.Range(0, Count).Where(i => i % 3 == 1).Select(i => PublishAsync($"key-{i}", fencingTokens[i])));

        int pages = 0;
        List<KeySnapshot> listed = await ListAsync(limit: 50, onPage: page =>
        {
            pages++;
            page.Items.Count.ShouldBeLessThan(100);
        });
        listed.Select(key => key.Key).Distinct().Order().ShouldBe(Enumerable.Range(0, Count).Where(i => i % 3 == 2).Select(i => $"key-{i}").Order());
        listed.ShouldAllBe(key => key.IsLocked && key.NodeId == "node" && key.LeaseLeft > TimeSpan.Zero);
        pages.ShouldBeGreaterThan(20);
    }

    private async Task CheckSlotsAsync(int expected = 1)
    {
        // Asked in a script: the server need not be a cluster for this.
        const string Tags = """
            local tags, n = {}, 0
            for _, name in ipairs(redis.call('KEYS', 'lw:{*')) do
              local tag = string.match(name, '{([^}]+)}')
              if not tag then return -1 end
              if not tags[tag] then
                tags[tag] = true
                n = n + 1
              end
            end
            return n
            """;
        (await Server.CommandAsync("EVAL", Tags, "0")).ShouldBe($"{expected}");
    }
}
