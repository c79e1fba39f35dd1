using System.Net.Sockets;
using Latchwork.Security;
using Latchwork.Server.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Latchwork.Server;

/// <summary>The application that serves the API and the dashboard of a store.</summary>
internal static class WebServer
{
    public const string DashboardPath = "/latchwork";
    public const string ApiPath = "/latchwork/api";

    /// <summary>Connections at the same time; each request that waits for events, and each tab that is kept up to date, is one.</summary>
    private const int MaxConnections = 5000;

    /// <summary>How many claims, and how many requests for keys, wait at a time: together they leave connections for everything else.</summary>
    private const int MaxWaiting = 2000;

    /// <summary>How long requests under way get to end.</summary>
    private static readonly TimeSpan _requestsTimeout = TimeSpan.FromSeconds(3);

    /// <summary>Serves until it is cancelled.</summary>
    /// <param name="store">The store, which stays its owner's.</param>
    /// <param name="settings">What was asked for.</param>
    /// <param name="output">Where it says that it listens.</param>
    /// <param name="error">Where it says the token that it made.</param>
    /// <param name="cancellationToken">Asks to stop.</param>
    public static async Task RunAsync(LatchworkStore store, ServerSettings settings, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        WebApplication app = Build(store, settings);
        await using (app.ConfigureAwait(false))
        {
            try
            {
                await app.StartAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (SocketException e)
            {
                throw new CliException(ExitCodes.Failure, $"cannot listen on {string.Join(';', settings.Addresses.Select(static one => one.Url))}: {e.Message}", e);
            }

            if (settings.GeneratedToken is { } token) await error.WriteLineAsync($"{ServerCommand.Name}: the token of this run: {token}").ConfigureAwait(false);
            foreach (string url in app.Urls) await output.WriteLineAsync($"{ServerCommand.Name}: {Printable.OneLine(store.Description)}: dashboard {url}{DashboardPath}/, API {url}{ApiPath}").ConfigureAwait(false);
            await output.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            await app.WaitForShutdownAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static WebApplication Build(LatchworkStore store, ServerSettings settings)
    {
        // Empty: no variable and no appsettings.json of the folder in which it happens to run listens elsewhere, or makes it a development server.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = ServerCommand.Name, EnvironmentName = Environments.Production });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static options =>
        {
            options.AddServerHeader = false;
            options.Limits.MaxConcurrentConnections = options.Limits.MaxConcurrentUpgradedConnections = MaxConnections;
        });
        AddLog(builder);
        builder.Services.AddRouting();
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(static options => options.ShutdownTimeout = _requestsTimeout);
        AccessRules.AddTo(builder.Services, settings.Token);
        builder.Services.AddOpenApi();
        string? change = settings.IsReadOnly ? null : AccessRules.ForHolder, payload = settings.ShowsPayloads ? AccessRules.ForHolder : null;
        builder.Services.AddLatchwork().UseStore(store)
            .AddHttpApi(options => (options.ChangePolicy, options.PayloadPolicy, options.MaxWaiting) = (change, payload, MaxWaiting))
            .AddDashboard(options => (options.ChangePolicy, options.PayloadPolicy, options.SignOut) = (change, payload, LoginPage.FindSignOut));

        WebApplication app = builder.Build();
        foreach (ListenAddress address in settings.Addresses) app.Urls.Add(address.Url);
        // Also for answers that no part gives; the parts replace them by their own.
        app.Use((context, next) =>
        {
            SecurityHeaders.Set(context.Response.Headers, "default-src 'none'; frame-ancestors 'none'");
            return next(context);
        });
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapGet("/", static context =>
        {
            context.Response.Redirect($"{DashboardPath[1..]}/");
            return Task.CompletedTask;
        }).ExcludeFromDescription();
        LoginPage.MapTo(app);
        app.MapLatchworkDashboard(DashboardPath).RequireAuthorization(AccessRules.ForDashboard);
        app.MapLatchworkApi(ApiPath).RequireAuthorization(AccessRules.ForApi);
        app.MapOpenApi($"{ApiPath}/openapi.json").RequireAuthorization(AccessRules.ForApi);
        return app;
    }

    private static void AddLog(WebApplicationBuilder builder)
    {
        builder.Logging
            .AddSimpleConsole(static options =>
            {
                options.SingleLine = true;
                options.UseUtcTimestamp = true;
                options.TimestampFormat = "yyyy-MM-dd HH:mm:ss'Z' ";
            })
            .SetMinimumLevel(LogLevel.Information)
            .AddFilter("Microsoft", LogLevel.Warning)
            .AddFilter(typeof(BearerHandler).FullName, LogLevel.Warning)
            // That cookies end with the process is meant, and a browser that still has one of the run before is no error.
            .AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error)
            .AddFilter("Microsoft.AspNetCore.Antiforgery", LogLevel.Critical);
        builder.Services.Configure<ConsoleLoggerOptions>(static options => options.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    /// <summary>Signals are handled by <c>Main</c>.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
