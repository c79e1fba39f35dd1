namespace Latchwork;

/// <summary>A user and a password, as a callback gives them (see <see cref="RedisOptions.Credentials"/>).</summary>
public sealed class RedisCredentials
{
    /// <summary>Creates credentials.</summary>
    /// <param name="user">The user (ACL); null for the server's default user.</param>
    /// <param name="password">The password.</param>
    public RedisCredentials(string? user, string password)
    {
        ArgumentNullException.ThrowIfNull(password);
        User = user;
        Password = password;
    }

    /// <summary>The user (ACL); null for the server's default user.</summary>
    public string? User { get; }

    /// <summary>The password. It is never printed.</summary>
    public string Password { get; }

    /// <summary>The user's name only.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => User ?? "default";
}
