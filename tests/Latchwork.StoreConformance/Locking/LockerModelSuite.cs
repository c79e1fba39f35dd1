using System.Globalization;
using System.Text;
using Latchwork.Storage;
using Latchwork.StoreConformance.Support;
using Xunit;

namespace Latchwork.StoreConformance.Locking;

/// <summary>Long random sequences of all operations, at random times, compared with the model answer by answer.</summary>
public abstract class LockerModelSuite(StoreFixture fixture) : LockerSuite(fixture)
{
    private const int StepsInSequence = 120;

    private int _keys;

    [Fact]
    public async Task The_store_answers_as_the_model_does()
    {
        int seed = Environment.TickCount;
        for (int i = 0; i < Fixture.ModelSequences; i++, seed++)
        {
            List<LockerStep> steps = Generate(new Random(seed));
            if (!Fixture.LocksNoteTimeWhenSeen) steps.RemoveAll(step => step.Kind == LockerStepKind.Shift && step.Shift < TimeSpan.Zero);
            if (await PlayAsync(steps) is null) continue;
            steps = await ShrinkAsync(steps);
            string difference = await PlayAsync(steps) ?? "(the shortest sequence no longer differs: it depends on something else)";
            StringBuilder message = new StringBuilder().AppendLine(CultureInfo.InvariantCulture, $"Seed {seed}: {difference}");
            foreach (LockerStep step in steps) message.AppendLine(CultureInfo.InvariantCulture, $"  {step}");
            Assert.Fail(message.ToString());
        }
    }

    private static List<LockerStep> Generate(Random random)
    {
        // Requests and publications more often than what destroys.
        LockerStepKind[] kinds =
        [
            LockerStepKind.Request, LockerStepKind.Request, LockerStepKind.Request, LockerStepKind.Request, LockerStepKind.Renew, LockerStepKind.Renew,
            LockerStepKind.Publish, LockerStepKind.Publish, LockerStepKind.Publish, LockerStepKind.Release, LockerStepKind.TryGet, LockerStepKind.Forget,
            LockerStepKind.Show, LockerStepKind.Move, LockerStepKind.Move, LockerStepKind.Move, LockerStepKind.Shift,
        ];
        return
        [
            .. Enumerable.Range(0, StepsInSequence).Select(_ => new LockerStep(
                kinds[random.Next(kinds.Length)], random.Next(100), random.Next(100), random.Next(100), random.Next(100)))
        ];
    }

    /// <summary>Leaves out as many steps as possible while an answer still differs.</summary>
    private async Task<List<LockerStep>> ShrinkAsync(List<LockerStep> steps)
    {
        for (int size = steps.Count / 2; size >= 1; size = size == 1 ? 0 : size / 2)
        {
            for (int start = 0; start + size <= steps.Count;)
            {
                List<LockerStep> fewer = [.. steps[..start], .. steps[(start + size)..]];
                if (await PlayAsync(fewer) is null) start += size;
                else steps = fewer;
            }
        }

        return steps;
    }

    /// <summary>Plays a sequence on a new key.</summary>
    /// <returns>The first difference, or null.</returns>
    private async Task<string?> PlayAsync(List<LockerStep> steps)
    {
        var key = Key($"model-{_keys++}");
        var model = new LockerModel();
        List<long> given = [];
        for (int i = 0; i < steps.Count; i++)
        {
            if (steps[i].Kind == LockerStepKind.Move) Clock.Advance(steps[i].Move);
            else if (steps[i].Kind == LockerStepKind.Shift) Clock.Shift(steps[i].Shift);
            model.Now = (Clock.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks;
            (string expected, string actual) = await StepAsync(steps[i], key, model, given);
            if (expected != actual) return $"step {i} ({steps[i].Kind}): expected '{expected}', the store answered '{actual}'";
        }

        return null;
    }

    private async Task<(string Expected, string Actual)> StepAsync(LockerStep step, LockerKey key, LockerModel model, List<long> given)
    {
        long fencingToken = step.FencingToken(given);
        switch (step.Kind)
        {
            case LockerStepKind.Request:
                var request = new LockerRequest(
                    $"node-{step.Nonce}", step.Nonce, step.Lease, step.LockTimeout, step.D % 2 == 0 ? null : fencingToken, step.C % 5 == 0);
                LockerReply reply = await Locks.RequestAsync(key, request, CancellationToken.None);
                if (reply is LockGranted granted) given.Add(granted.FencingToken);
                return (model.Request(request), Describe(reply));
            case LockerStepKind.Renew:
                return (model.Renew(fencingToken, step.Nonce, step.Lease), $"{await Locks.RenewAsync(key, fencingToken, step.Nonce, step.Lease, default)}");
            case LockerStepKind.Publish:
                var publication = new LockerPublication(
                    fencingToken, step.C % 2 == 0 ? null : step.Nonce, step.OutcomeKind, step.Data, step.FreshFor, step.HandOverFor);
                return (model.Publish(publication), $"{await Locks.PublishAsync(key, publication, default)}");
            case LockerStepKind.Release:
                long? released = step.D % 3 == 0 ? null : fencingToken;
                return (model.Release(released, step.Nonce), $"{await Locks.ReleaseAsync(key, released, step.Nonce, default)}");
            case LockerStepKind.TryGet:
                return (model.TryGet(), await Locks.TryGetAsync(key, default) is { } outcome ? Describe(outcome) : "nothing");
            case LockerStepKind.Forget:
                return (model.Forget(), $"{await Locks.ForgetAsync(key, LockTimeout, default)}");
            default:
                return (model.Show(), Describe(await Locks.PeekAsync(key, default)));
        }
    }

    private static string Describe(LockerReply reply) => reply switch
    {
        LockGranted granted => $"granted {granted.FencingToken} {granted.TakenOver}",
        LockHeld held => $"held {held.FencingToken} {held.NodeId} {held.LeaseLeft.Ticks} {held.Age.Ticks}",
        LockerOutcome outcome => $"outcome {outcome.FencingToken} {outcome.Kind} {Convert.ToHexString(outcome.Data.Span)} {outcome.IsFresh} {outcome.Age.Ticks}",
        _ => "?",
    };

    private static string Describe(KeySnapshot? snapshot)
    {
        if (snapshot is null) return "nothing";
        string owner = snapshot.IsLocked
            ? $"locked {snapshot.FencingToken} {snapshot.NodeId} {snapshot.Age!.Value.Ticks} {snapshot.LeaseLeft!.Value.Ticks}"
            : $"free {snapshot.FencingToken}";
        return snapshot.FreshFor is { } fresh ? $"{owner} fresh {fresh.Ticks} {snapshot.IsFailure}" : owner;
    }
}
