using Latchwork.Sqlite.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;

namespace Latchwork.Sqlite.Tests.Files;

/// <summary>Disks that are full or cannot be written.</summary>
public sealed class DiskTests
{
    [RootFact]
    public async Task On_a_full_disk_posts_are_refused_in_words_nothing_is_damaged_and_it_goes_on_when_there_is_room()
    {
        using var disk = new SmallDisk(kilobytes: 2_000);
        await using (SqliteStore store = await SqliteStore.OpenAsync(disk.Database))
        {
            var timer = new DistributedTimer(store);
            var acknowledged = new List<string>();
            LatchworkStoreException? refused = null;
            for (int i = 0; refused is null; i++)
            {
                if (i == 20) disk.Fill();
                try
                {
                    acknowledged.Add((await timer.PostAsync(new byte[20_000], TimeSpan.FromHours(1), new() { Id = $"{i}" })).Id);
                }
                catch (LatchworkStoreException e)
                {
                    refused = e;
                }
            }

            refused.Message.ShouldContain("is full");
            refused.Message.ShouldContain("free some space");
            (refused.Outcome, refused.IsTransient).ShouldBe((StoreOutcome.NotApplied, true));
            (await timer.GetStatsAsync()).Scheduled.ShouldBe(acknowledged.Count);

            disk.Empty();
            await timer.PostAsync(new byte[20_000], TimeSpan.FromHours(1), new() { Id = "after" });
            foreach (string id in acknowledged) (await timer.PeekAsync(id)).ShouldNotBeNull(id);
        }

        TestFolder.Ask(disk.Database, "PRAGMA integrity_check").ShouldBe("ok");
    }

    [RootFact]
    public async Task A_folder_that_cannot_be_written_is_refused_with_what_to_do()
    {
        using var disk = new SmallDisk(kilobytes: 2_000);
        disk.MakeReadOnly();
        var e = await Should.ThrowAsync<LatchworkStoreException>(() => SqliteStore.OpenAsync(disk.Database));
        e.Message.ShouldContain("read and write the file and the folder");
    }

    [RootFact]
    public async Task A_file_that_cannot_be_written_is_refused_with_what_to_do()
    {
        using var disk = new SmallDisk(kilobytes: 4_000);
        await (await SqliteStore.OpenAsync(disk.Database)).DisposeAsync();
        disk.MakeReadOnly();
        var e = await Should.ThrowAsync<LatchworkStoreException>(async () =>
        {
            await using SqliteStore store = await SqliteStore.OpenAsync(disk.Database);
            await new DistributedTimer(store).PostAsync(1, TimeSpan.FromHours(1));
        });
        e.Message.ShouldContain(disk.Database);
        e.Message.ShouldContain("the file and");
        e.Outcome.ShouldBe(StoreOutcome.NotApplied);
    }
}
