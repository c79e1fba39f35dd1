using System.Buffers.Text;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;

namespace Latchwork.Server.Access;

/// <summary>The sessions of browsers, in memory. A cookie names one: whoever signs out ends it, wherever its cookie was copied to.</summary>
internal sealed class Sessions(TimeProvider time) : ITicketStore
{
    /// <summary>Beyond that the one that would end first ends.</summary>
    public const int MaxKept = 1_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, AuthenticationTicket> _tickets = new(StringComparer.Ordinal);

    public Task<string> StoreAsync(AuthenticationTicket ticket)
    {
        string key = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        lock (_gate)
        {
            foreach (string over in _tickets.Where(one => IsOver(one.Value)).Select(static one => one.Key).ToArray()) _tickets.Remove(over);
            if (_tickets.Count >= MaxKept) _tickets.Remove(_tickets.MinBy(static one => one.Value.Properties.ExpiresUtc).Key);
            _tickets.Add(key, ticket);
        }

        return Task.FromResult(key);
    }

    public Task RenewAsync(string key, AuthenticationTicket ticket)
    {
        lock (_gate)
        {
            if (_tickets.ContainsKey(key)) _tickets[key] = ticket; // one that has ended meanwhile stays so
        }

        return Task.CompletedTask;
    }

    public Task<AuthenticationTicket?> RetrieveAsync(string key)
    {
        lock (_gate) return Task.FromResult(_tickets.TryGetValue(key, out AuthenticationTicket? ticket) && !IsOver(ticket) ? ticket : null);
    }

    public Task RemoveAsync(string key)
    {
        lock (_gate) _tickets.Remove(key);
        return Task.CompletedTask;
    }

    private bool IsOver(AuthenticationTicket ticket) => ticket.Properties.ExpiresUtc <= time.GetUtcNow();
}
