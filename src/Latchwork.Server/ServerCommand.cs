using System.CommandLine;
using System.CommandLine.Help;
using Latchwork.Server.Access;

namespace Latchwork.Server;

/// <summary>The command line.</summary>
internal static class ServerCommand
{
    public const string Name = "latchwork-server";

    private const string Description =
        """
        Serve the HTTP API and the dashboard of a store, until Ctrl-C or SIGTERM. Both demand a token: one that is made at start and written to standard error, or that of --token-file.
        Exit codes: 0 stopped, 1 failure, 2 bad input, 3 no store there (--read-only), 130 Ctrl-C.

        Examples:
          latchwork-server                                                    the store that 'latchwork' uses
          latchwork-server --store redis://localhost:6379 --read-only         look, and change nothing
          latchwork-server --store sqlite:latchwork.db --show-payloads        listeners need payloads
          latchwork-server --urls http://0.0.0.0:5080 --token-file token.txt  for other machines
        """;

    /// <summary>Makes the command.</summary>
    /// <param name="user">The user.</param>
    /// <param name="serve">Serves until it is cancelled.</param>
    public static Command Create(UserEnvironment user, Func<ServerSettings, CancellationToken, Task> serve)
    {
        Option<string?> store = StoreOption.Create(user);
        var urls = new Option<string?>("--urls")
        {
            Description = $"Where to listen: http://ADDRESS:PORT, several with ';' between them. The address is localhost, * or an IP address; other than loopback addresses need --token-file. Port 0 is a free one. Default: {ListenAddress.Default}.",
            HelpName = "urls",
        };
        var tokenFile = new Option<string?>("--token-file")
        {
            Description = $"The file with the token, on one line: {AccessToken.MinLength} to {AccessToken.MaxLength} letters, digits or -._~+/=. It is read at start. Default: a new token for each run.",
            HelpName = "file",
        };
        var readOnly = new Option<bool>("--read-only") { Description = "Nobody can change anything. A file that is not there is not made." };
        var showPayloads = new Option<bool>("--show-payloads") { Description = "Show payloads, headers, results and errors. Without it, claims of events and requests for keys are refused, as their answers hold them." };
        var command = new Command(Name, Description) { new HelpOption(), new VersionOption(), store, urls, tokenFile, readOnly, showPayloads };
        command.SetAction(async (parsed, stop) =>
        {
            IReadOnlyList<ListenAddress> addresses = ListenAddress.Parse(parsed.GetValue(urls) ?? ListenAddress.Default);
            if (parsed.GetValue(tokenFile) is null && addresses.FirstOrDefault(static one => !one.IsLoopback) is { } open)
            {
                throw new CliException(ExitCodes.BadInput, $"'--urls' has {open.Url}, which other machines can reach: give a '--token-file', or listen on {ListenAddress.Default}");
            }

            (AccessToken token, string? generated) = parsed.GetValue(tokenFile) is { } path ? (AccessToken.ReadFile(path), null) : AccessToken.Generate();
            bool isReadOnly = parsed.GetValue(readOnly);
            await serve(
                new ServerSettings
                {
                    Store = StoreResolver.Find(parsed.GetValue(store), user, mustExist: isReadOnly),
                    Addresses = addresses,
                    Token = token,
                    GeneratedToken = generated,
                    IsReadOnly = isReadOnly,
                    ShowsPayloads = parsed.GetValue(showPayloads),
                },
                stop).ConfigureAwait(false);
            return ExitCodes.Done;
        });
        return command;
    }
}
