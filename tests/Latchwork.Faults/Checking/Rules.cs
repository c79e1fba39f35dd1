namespace Latchwork.Faults.Checking;

/// <summary>The names of the rules, as docs/faults.md explains them.</summary>
public static class Rules
{
    /// <summary>An event that was acknowledged is not there, and nothing has taken it.</summary>
    public const string Lost = "lost";

    /// <summary>An event was delivered before its time.</summary>
    public const string Early = "early";

    /// <summary>Two deliveries of an event, or two owners of a key, at one time.</summary>
    public const string Overlap = "overlap";

    /// <summary>An event was delivered or is stored after its confirmation was acknowledged, or after it was cancelled or purged.</summary>
    public const string Again = "again";

    /// <summary>An event was delivered or is stored after another one took its place.</summary>
    public const string Replaced = "replaced";

    /// <summary>A dead letter was delivered though nobody requeued it.</summary>
    public const string DeadDelivered = "dead-delivered";

    /// <summary>The number of retries is not what failures and expired leases make it.</summary>
    public const string Retries = "retries";

    /// <summary>An event was delivered, or an outcome seen, that nobody is known to have asked for.</summary>
    public const string Invented = "invented";

    /// <summary>An operation said that it had changed nothing, and it had.</summary>
    public const string Refused = "refused";

    /// <summary>An answer fits no order of the operations.</summary>
    public const string Answer = "answer";

    /// <summary>An event was due for long, and nobody got it though all was well.</summary>
    public const string Undelivered = "undelivered";

    /// <summary>A handler was called without a claim, twice for one, or with something else than was claimed.</summary>
    public const string Handler = "handler";

    /// <summary>A holder believed longer than its lease allows.</summary>
    public const string LocalLease = "local-lease";

    /// <summary>A caller was told something that the store did not say.</summary>
    public const string Told = "told";

    /// <summary>A fencing token did not grow.</summary>
    public const string Fencing = "fencing";

    /// <summary>A publication of an owner that was overtaken was accepted, or its outcome was seen.</summary>
    public const string Superseded = "superseded";

    /// <summary>An outcome was given to a request that began after its time, or after a later one.</summary>
    public const string Stale = "stale";

    /// <summary>A listener that had joined was not joined, or a handler was called for one that had not joined yet or had left.</summary>
    public const string Membership = "membership";

    /// <summary>An event waited while a node with a free place stood by.</summary>
    public const string Idle = "idle";

    /// <summary>A leave, or a process that was asked to end, did not end within its bound.</summary>
    public const string Shutdown = "shutdown";

    /// <summary>A key was freed while the work of its owner was still running, or work began with a lease that had ended when its owner was told of it.</summary>
    public const string Work = "work";

    /// <summary>An event was delivered though its record had been damaged in the store, or it is dead for another reason.</summary>
    public const string Damaged = "damaged";

    /// <summary>A namespace that is in use is not listed.</summary>
    public const string Unregistered = "unregistered";

    /// <summary>A wait did not end, or not within its bound.</summary>
    public const string Wait = "wait";
}
