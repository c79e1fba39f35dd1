using System.Text.Json;
using Latchwork.AspNetCore.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Shouldly;
using Xunit;

namespace Latchwork.AspNetCore.Tests.Api;

/// <summary>Names of every kind pass through every verb, behind a reverse proxy.</summary>
public sealed class RoundTripTests
{
    public static TheoryData<string> Names => ["a/b", "..", "../../etc", "%2F", "}x", "⏰", "a b+c&d=e?f#g", "\"'<script>", new string('x', 512), string.Concat(Enumerable.Repeat("é", 256))];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Of_events(string name)
    {
        await using ApiHost host = await StartAsync();
        (await host.DoAsync("timers/post", new { @namespace = name, id = name, delay = "1h", data = new { n = 1 } })).GetProperty("id").GetString().ShouldBe(name);
        (await host.DoAsync("timers/post-many", new { @namespace = name, events = new[] { new { id = name, delay = "1h", data = 2 } } })).GetProperty("events")[0].GetProperty("outcome").GetString().ShouldBe("replaced");
        (_, JsonElement shown) = await host.GetAsync("timers/event", ("namespace", name), ("id", name));
        shown.GetProperty("data").GetInt32().ShouldBe(2);
        (_, JsonElement upcoming) = await host.GetAsync("timers/upcoming", ("namespace", name));
        upcoming.GetProperty("items")[0].GetProperty("id").GetString().ShouldBe(name);
        (_, JsonElement namespaces) = await host.GetAsync("timers/namespaces");
        namespaces.GetProperty("namespaces").EnumerateArray().Select(one => one.GetString()).ShouldContain(name);
        (await host.GetAsync("timers/stats", ("namespace", name))).Body.GetProperty("scheduled").GetInt32().ShouldBe(1);
        await host.DoAsync("timers/change-delay", new { @namespace = name, id = name, delay = "0s" });

        object here = new { @namespace = name };
        await host.DoAsync("timers/pause", new { @namespace = name, reason = name, by = name });
        (await host.GetAsync("timers/stats", ("namespace", name))).Body.GetProperty("pause").GetProperty("by").GetString().ShouldBe(name);
        await host.DoAsync("timers/resume", here);

        JsonElement Delivery(JsonElement claim) => claim.GetProperty("deliveries")[0];
        JsonElement first = Delivery(await host.DoAsync("timers/claim", new { @namespace = name, wait = "30s" }));
        first.GetProperty("id").GetString().ShouldBe(name);
        JsonElement held = (await host.GetAsync("timers/in-flight", ("namespace", name))).Body.GetProperty("items")[0];
        held.GetProperty("id").GetString().ShouldBe(name);
        held.GetProperty("claimedAt").GetDateTimeOffset().ShouldBeLessThanOrEqualTo(DateTimeOffset.UtcNow.AddMinutes(1));
        held.TryGetProperty("token", out _).ShouldBeFalse("whoever has it can end the delivery");
        (await host.GetAsync("timers/nodes", ("namespace", name))).Body.GetProperty("nodes").GetArrayLength().ShouldBe(1);
        await host.DoAsync("timers/extend", new { @namespace = name, id = name, token = first.GetProperty("token").GetString(), lease = "2m" });
        await host.DoAsync("timers/release", new { @namespace = name, id = name, token = first.GetProperty("token").GetString() });
        JsonElement second = Delivery(await host.DoAsync($"timers/claim?namespace={Uri.EscapeDataString(name)}&wait=30s&max=10&lease=30s", new { }));
        await host.DoAsync("timers/fail", new { @namespace = name, id = name, token = second.GetProperty("token").GetString(), error = name, final = true });
        (_, JsonElement dead) = await host.GetAsync("timers/dead-letters", ("namespace", name));
        dead.GetProperty("items")[0].GetProperty("failures")[0].GetProperty("error").GetString().ShouldBe(name);
        await host.DoAsync("timers/dead-letters/requeue", new { @namespace = name, id = name });
        JsonElement third = Delivery(await host.DoAsync("timers/claim", new { @namespace = name }));
        await host.DoAsync("timers/confirm", new { @namespace = name, id = name, token = third.GetProperty("token").GetString() });
        JsonElement completed = (await host.GetAsync("timers/completed", ("namespace", name), ("limit", "10"))).Body.GetProperty("items")[0];
        (completed.GetProperty("id").GetString(), completed.GetProperty("state").GetString(), completed.GetProperty("outcome").GetString()).ShouldBe((name, "completed", "succeeded"));
        completed.GetProperty("completedAt").GetDateTimeOffset().ShouldBeGreaterThanOrEqualTo(completed.GetProperty("claimedAt").GetDateTimeOffset());
        completed.TryGetProperty("data", out _).ShouldBeFalse("it is not kept");
        (await host.GetAsync("timers/event", ("namespace", name), ("id", name))).Body.GetProperty("state").GetString().ShouldBe("completed");
        JsonElement counters = (await host.GetAsync("timers/stats", ("namespace", name))).Body.GetProperty("counters");
        JsonElement totals = counters.GetProperty("totals");
        (totals.GetProperty("posted").GetInt32(), totals.GetProperty("replaced").GetInt32(), totals.GetProperty("confirmed").GetInt32()).ShouldBe((2, 1, 1));
        totals.GetProperty("deadLettered").GetProperty("rejected").GetInt32().ShouldBe(1);
        counters.GetProperty("minutes").EnumerateArray().Sum(minute => minute.GetProperty("counts").GetProperty("delivered").GetInt32()).ShouldBe(3);
        (await host.PostAsync("timers/cancel", new { @namespace = name, id = name })).Status.ShouldBe(404);
        (await host.PostAsync("timers/dead-letters/purge", new { @namespace = name, id = name })).Status.ShouldBe(404);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Of_schedules(string name)
    {
        await using ApiHost host = await StartAsync();
        string id = System.Text.Encoding.UTF8.GetByteCount(name) > 480 ? name[..240] : name;
        object body = new { @namespace = name, id };
        await host.DoAsync("schedules/put", new
        {
            @namespace = name,
            id,
            cron = "0 3 * * *",
            zone = "Europe/Berlin",
            data = id,
            revision = 7,
            misfire = "all",
            misfireThreshold = "2m",
            catchUpWindow = "1h",
            catchUpLimit = 3,
            overlap = "queue",
            maxRetries = 4,
            jitter = "5s",
        });
        (await host.GetAsync("schedules", ("namespace", name))).Body.GetProperty("items")[0].GetProperty("id").GetString().ShouldBe(id);
        (await host.GetAsync("schedules/schedule", ("namespace", name), ("id", id))).Body.GetProperty("data").GetString().ShouldBe(id);
        (await host.GetAsync("schedules/next", ("namespace", name), ("id", id), ("count", "3"))).Body.GetProperty("times").GetArrayLength().ShouldBe(3);
        await host.DoAsync("schedules/pause", body);
        await host.DoAsync("schedules/resume", body);
        (await host.DoAsync("schedules/trigger", body)).GetProperty("outcome").GetString().ShouldBe("triggered");
        (await host.DoAsync("schedules/trigger", body)).GetProperty("outcome").GetString().ShouldBe("queued");
        string queued = (await host.DoAsync("schedules/trigger", body)).GetProperty("occurrenceId").GetString()!;
        JsonElement shown = (await host.GetAsync("schedules/schedule", ("namespace", name), ("id", id))).Body;
        (shown.GetProperty("queuedId").GetString(), shown.GetProperty("replaced").GetInt32(), shown.GetProperty("nextState").GetString()).ShouldBe((queued, 1, "scheduled"));
        shown.GetProperty("policies").ToString().ShouldBe(
            """{"revision":7,"misfire":"all","misfireThresholdMs":120000,"catchUpWindowMs":3600000,"catchUpLimit":3,"overlap":"queue","maxRetries":4,"jitterMs":5000}""");
        await host.DoAsync("schedules/remove", body);
        (await host.PostAsync("schedules/remove", body)).Status.ShouldBe(404);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Of_keys(string name)
    {
        await using ApiHost host = await StartAsync();
        (int status, JsonElement locked) = await host.PostAsync("locks/request", new { @namespace = name, key = name });
        status.ShouldBe(201);
        string token = locked.GetProperty("token").GetString()!;
        (await host.GetAsync("locks/key", ("namespace", name), ("key", name))).Body.GetProperty("isLocked").GetBoolean().ShouldBeTrue();
        (await host.GetAsync("locks", ("namespace", name))).Body.GetProperty("items")[0].GetProperty("key").GetString().ShouldBe(name);
        (await host.GetAsync("locks/stats", ("namespace", name))).Body.GetProperty("runs").GetInt32().ShouldBe(0, "what goes through the API is not counted");
        await host.DoAsync("locks/renew", new { @namespace = name, key = name, token, lease = "1m" });
        await host.DoAsync("locks/publish", new { @namespace = name, key = name, token, data = name });
        (await host.GetAsync("locks/result", ("namespace", name), ("key", name))).Body.GetProperty("data").GetString().ShouldBe(name);
        (status, JsonElement done) = await host.PostAsync("locks/request", new { @namespace = name, key = name });
        (status, done.GetProperty("status").GetString(), done.GetProperty("data").GetString()).ShouldBe((200, "done", name));
        await host.DoAsync("locks/forget", new { @namespace = name, key = name });
        token = (await host.DoAsync("locks/request", new { @namespace = name, key = name })).GetProperty("token").GetString()!;
        await host.DoAsync("locks/fail", new { @namespace = name, key = name, token, kind = "Broken", message = name });
        token = (await host.DoAsync("locks/request", new { @namespace = name, key = name })).GetProperty("token").GetString()!;
        await host.DoAsync("locks/release", new { @namespace = name, key = name, token });
        (await host.PostAsync("locks/release", new { @namespace = name, key = name, token })).Status.ShouldBe(409);
    }

    private static Task<ApiHost> StartAsync() => ApiHost.StartAsync(
        "Production",
        options => options.ChangePolicy = options.PayloadPolicy = "anybody",
        app => app.MapLatchworkApi("/latchwork/api").AllowAnonymous(),
        throughProxy: true);
}
