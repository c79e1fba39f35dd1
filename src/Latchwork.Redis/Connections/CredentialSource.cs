namespace Latchwork.Redis.Connections;

/// <summary>The user and the password for a new connection: those of the settings, or what the callback gives.</summary>
internal static class CredentialSource
{
    /// <param name="options">The settings.</param>
    /// <param name="server">For messages.</param>
    /// <param name="deadline">How long the callback may take, on the clock of <see cref="Environment.TickCount64"/>.</param>
    /// <returns>Null if there is no password.</returns>
    /// <exception cref="LatchworkStoreException">The callback failed, or took too long.</exception>
    public static RedisCredentials? Ask(RedisOptions options, string server, long deadline)
    {
        if (options.Credentials is not { } callback)
            return options.Password is { } password ? new RedisCredentials(options.User, password) : null;
        try
        {
            using var giveUp = new CancellationTokenSource();
            Task<RedisCredentials> asked = callback(giveUp.Token).AsTask();
            if (!asked.Wait(TimeSpan.FromMilliseconds(Math.Max(1, deadline - Environment.TickCount64)), CancellationToken.None))
            {
                giveUp.Cancel();
                throw new TimeoutException("it gave no answer in time");
            }

            return asked.Result ?? throw new InvalidOperationException("it gave null");
        }
#pragma warning disable CA1031 // It is the user's code: whatever it throws, connecting has failed and is tried again.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Exception cause = (e as AggregateException)?.InnerException ?? e;
            throw new LatchworkStoreException(
                $"Cannot connect to {server}: the callback for credentials failed: {cause.Message}", StoreOutcome.NotApplied, cause)
            { IsTransient = true };
        }
    }
}
