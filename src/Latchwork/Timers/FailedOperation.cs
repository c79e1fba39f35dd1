namespace Latchwork;

/// <summary>What failed without a call that reports it.</summary>
internal enum FailedOperation
{
    /// <summary>A handler. It is logged when it is known what becomes of the event.</summary>
    Handler,

    /// <summary>A handler, after its delivery was over.</summary>
    HandlerTooLate,

    /// <summary>A claim; it is repeated.</summary>
    Claim,

    /// <summary>An extension of leases; it is repeated while they last.</summary>
    Extension,

    /// <summary>The confirmation of an event that was handled.</summary>
    Confirmation,

    /// <summary>The report that a handler failed.</summary>
    FailureReport,

    /// <summary>A lease was lost while the handler ran.</summary>
    LostLease,

    /// <summary>A delivery could not be handed back.</summary>
    HandBack,

    /// <summary>A callback of a user on a delivery's token.</summary>
    Callback,

    /// <summary>The store could not be told that the node leaves.</summary>
    Leave,

    /// <summary>An occurrence of a schedule could not be begun.</summary>
    Occurrence,

    /// <summary>Schedules without an occurrence could not be looked for.</summary>
    Sweep,

    /// <summary>The end of the subscription.</summary>
    Unsubscription,
}
