using Latchwork.Storage;
using Shouldly;
using Xunit;

namespace Latchwork.Redis.Tests.Locking;

/// <summary>At the server's memory limit only new locks are refused.</summary>
public sealed class LockerMemoryLimitTests : LockerTest
{
    [Fact]
    public async Task A_full_server_refuses_new_locks_and_nothing_else()
    {
        long renewed = await TakeAsync("renewed"), published = await TakeAsync("published"), released = await TakeAsync("released");
        await TakeAsync("forgotten");
        await PublishAsync("done", await TakeAsync("done"));
        await Server.CommandAsync("CONFIG", "SET", "maxmemory", "1");

        LatchworkStoreException refusal = await Should.ThrowAsync<LatchworkStoreException>(() => RequestAsync("new", Ask("nonce")));
        refusal.Outcome.ShouldBe(StoreOutcome.NotApplied);
        refusal.Message.ShouldContain("memory");
        (await Server.CommandAsync("EXISTS", Name("new", "lock"), Name("new", "data"))).ShouldBe("0");

        await Locks.OpenAsync(Namespace, default);
        (await RequestAsync("renewed", Ask("other"))).ShouldBeOfType<LockHeld>();
        (await RequestAsync("renewed", Ask("nonce"))).ShouldBeOfType<LockGranted>("a request that is repeated takes no memory");
        (await RequestAsync("done", Ask("other"))).ShouldBeOfType<LockerOutcome>();
        (await RenewAsync("renewed", renewed)).ShouldBeTrue();
        (await PublishAsync("published", published)).ShouldBe(PublishOutcome.Accepted);
        (await TryGetAsync("published")).ShouldNotBeNull();
        (await ReleaseAsync("released", released)).ShouldBeTrue();
        (await Locks.ForgetAsync(Key("forgotten"), LockTimeout, default)).ShouldBeTrue();
        (await Locks.ForgetAsync(Key("done"), LockTimeout, default)).ShouldBeTrue();
        (await ListAsync()).Select(key => key.Key).ShouldBe(["renewed"]);
    }
}
