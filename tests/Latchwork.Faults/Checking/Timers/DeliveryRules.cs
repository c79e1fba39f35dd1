using Latchwork.Faults.Checking.Listeners;
using Latchwork.Faults.History;

namespace Latchwork.Faults.Checking.Timers;

/// <summary>What the engine makes of claims: each handler call belongs to one claim and sees what was claimed; no holder believes longer than the store granted; nobody is told what the store did not say.</summary>
internal sealed class DeliveryRules(IdHistory history, RunFacts run, CheckReport report, Action<IdHistory, string, string, long> offend)
{
    private readonly Dictionary<(string Process, string Token), List<EventClaimed>> _claims = [];
    private readonly HashSet<(string Process, string Token)> _handled = [];

    public void Check()
    {
        foreach ((string process, HistoryEntry entry) in history.Lines)
        {
            switch (entry)
            {
                case EventClaimed claimed:
                    if (!_claims.TryGetValue((process, claimed.Token), out List<EventClaimed>? claims)) _claims[(process, claimed.Token)] = claims = [];
                    claims.Add(claimed);
                    break;
                case HandlerStarted handler:
                    CheckHandler(process, handler);
                    break;
                case DeliveryLocalLease localLease:
                    CheckLocalLease(process, localLease.Token, localLease.At, localLease.LeaseLeft);
                    break;
            }
        }

        foreach (Operation operation in history.Operations)
        {
            if (operation.Verb == Verb.Post) CheckMaxRetries(operation);
            else if (operation.Verb == Verb.Settle) CheckTold(operation);
        }
    }

    private void CheckHandler(string process, HandlerStarted handler)
    {
        report.Handlers++;
        var lateness = TimeSpan.FromMicroseconds(handler.Lateness);
        if (lateness > report.MaxLateness) report.MaxLateness = lateness;

        if (!_claims.TryGetValue((process, handler.Token), out List<EventClaimed>? claims))
        {
            Offend(Rules.Handler, $"A handler of '{process}' was called with '{handler.Id}', token {handler.Token}, which it had not claimed.", handler.At);
            return;
        }

        if (!_handled.Add((process, handler.Token)))
        {
            Offend(Rules.Handler, $"A handler of '{process}' was called twice for '{handler.Id}', token {handler.Token}.", handler.At);
        }

        if (!claims.Any(claim => (claim.Version, claim.Retries, claim.MaxRetries) == (handler.Version, handler.Retries, handler.MaxRetries)))
        {
            EventClaimed claim = claims[^1];
            Offend(
                Rules.Handler,
                $"A handler of '{process}' got '{handler.Id}' as ({handler.Version}, retries {handler.Retries} of {handler.MaxRetries}); claimed was ({claim.Version}, {claim.Retries} of {claim.MaxRetries}).",
                handler.At);
        }

        if (handler.Listener is { } number && run.Listeners.TryGetValue((process, number), out ListenerFacts? listener)) CheckListener(listener, handler);
        CheckLocalLease(process, handler.Token, handler.At, handler.LeaseLeft);
    }

    // What was left behind when the time for leaving was up may begin late.
    private void CheckListener(ListenerFacts listener, HandlerStarted handler)
    {
        if (handler.At >= listener.Joining.At && (listener.Left is not { } left || handler.At <= left.At || listener.IsCutOff)) return;
        string when = handler.At < listener.Joining.At ? "had not joined yet" : "had left";
        Offend(Rules.Membership, $"A handler of '{listener.Process}' was called with '{handler.Id}', token {handler.Token}, for listener {handler.Listener}, which {when}.", handler.At);
    }

    // A lease counts from before it was asked for.
    private void CheckLocalLease(string process, string token, long at, long left)
    {
        if (left <= 0) return;
        long end = 0;
        foreach (EventClaimed claim in _claims.GetValueOrDefault((process, token)) ?? []) end = Math.Max(end, claim.SentAt + claim.Lease);
        foreach (Operation extend in history.Operations)
        {
            if (extend.From > at) break;
            if (extend.Verb == Verb.Extend && extend.Start.Token == token && extend.Outcome == "Done") end = Math.Max(end, extend.From + extend.Start.Lease!.Value);
        }

        if (at + left > end + run.Slack)
        {
            Offend(Rules.LocalLease, $"'{process}' believed to hold '{history.Id}', token {token}, for {left / 1e3:F1} ms more: {(at + left - end) / 1e3:F1} ms longer than was granted.", at);
        }
    }

    private void CheckMaxRetries(Operation post)
    {
        foreach ((string process, HistoryEntry entry) in history.Lines)
        {
            if (entry is not EventClaimed claimed || claimed.Version != post.Start.Version || claimed.MaxRetries == (post.Start.MaxRetries ?? 0)) continue;
            Offend(Rules.Retries, $"'{history.Id}' was delivered to '{process}' with MaxRetries {claimed.MaxRetries}; it was posted with {post.Start.MaxRetries ?? 0}.", claimed.At);
            return;
        }
    }

    // "Done" or "DeadLettered" is an answer of the store to somebody who held this token.
    private void CheckTold(Operation settle)
    {
        if (settle.Outcome is not ("Done" or "DeadLettered")) return;
        bool was = history.Operations.Any(o =>
            o.Process == settle.Process && o.Start.Token == settle.Start.Token && o.Verb is Verb.Confirm or Verb.Fail
            && o.Outcome == settle.Outcome && o.From <= settle.To);
        if (!was) Offend(Rules.Told, $"'{settle.Process}' was told '{settle.Outcome}' for '{history.Id}', token {settle.Start.Token}, which the store had not answered.", settle.To);
    }

    private void Offend(string rule, string sentence, long at) => offend(history, rule, sentence, at);
}
