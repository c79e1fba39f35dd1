using System.Globalization;
using System.Text;

namespace Latchwork.Cli.Demo;

/// <summary>The process locker: hundreds of callers ask for one key; its owner is killed as it works, and another node takes over.</summary>
internal sealed class LockerScenario(DemoEnvironment environment) : IAsyncDisposable
{
    private readonly Ledger _ledger = environment.Ledger;
    private readonly ProcessLocker _observer = new(environment.Store, DemoPlan.LockerOptions(environment.Namespace, "observer"));

    public async Task<LockerSummary> RunAsync()
    {
        environment.Log.Line("Process locker: one result for all callers, at most one live lease per key");
        string[] asking = environment.Living;
        environment.TellAll(NodeOrder.Ask);
        await environment.WaitAsync(() => asking.All(_ledger.Asked.Contains)).ConfigureAwait(false);
        environment.Log.Say($"{asking.Length * DemoPlan.Callers} callers in {asking.Length} processes ask for {DemoPlan.Key}");

        Attempt dying = await KillAsync().ConfigureAwait(false);
        environment.TellAll(NodeOrder.EndRun);
        string[] living = environment.Living;
        if (await environment.WaitAsync(() => Verdict.TakeoverMs(_ledger, dying) is not null).ConfigureAwait(false))
        {
            environment.Log.Say(_ledger.Read(() => string.Create(
                CultureInfo.InvariantCulture, $"{_ledger.Runs[^1].Node} took it over, {Verdict.TakeoverMs(_ledger, dying) / 1_000:0.00} s after the kill")));
        }

        await environment.WaitAsync(() => living.All(node => _ledger.Answers.Count(a => a.Node == node) >= DemoPlan.Callers)).ConfigureAwait(false);
        int answered = _ledger.Read(() => _ledger.Answers.Count(a => a.Report.Text is not null));
        environment.Log.Say($"{answered} callers in the other {living.Length} processes have its result");

        // As if the dead node came back and published under the token that it once had.
        byte[] late = Encoding.UTF8.GetBytes(Verdict.ResultOf(dying.FencingToken));
        PublishOutcome outcome = await _observer.PublishAsync(DemoPlan.Key, dying.FencingToken, late, cancellationToken: environment.Stop).ConfigureAwait(false);
        environment.Log.Say($"a late result of {dying.Node}, under its old fencing token, was {(outcome == PublishOutcome.Superseded ? "refused" : "accepted")}");
        return _ledger.Read(() => Verdict.OfLocker(_ledger, living, dying, outcome));
    }

    /// <summary>Removes what is left in the store. The nodes have left.</summary>
    public Task CleanUpAsync() => _observer.ForgetAsync(DemoPlan.Key, CancellationToken.None);

    public ValueTask DisposeAsync() => _observer.DisposeAsync();

    private async Task<Attempt> KillAsync()
    {
        // The work ends only when it is asked to, so whoever has begun is still at it.
        if (!await environment.WaitAsync(() => _ledger.Runs is [.., { End: null }]).ConfigureAwait(false))
        {
            throw new CliException(ExitCodes.Failure, $"no node began with {DemoPlan.Key}");
        }

        Attempt run = _ledger.Read(() => _ledger.Runs[^1]);
        string how = await environment.KillAsync(run.Node).ConfigureAwait(false);
        environment.Log.Say($"{how}, which computes it under a lease of {DemoPlan.KeyLease.TotalSeconds:0} s");
        return run;
    }
}
