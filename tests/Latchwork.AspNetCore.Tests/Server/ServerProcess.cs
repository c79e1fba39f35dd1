using System.ComponentModel;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Latchwork.AspNetCore.Tests.Support;
using Latchwork.StoreConformance.Support;

namespace Latchwork.AspNetCore.Tests.Server;

/// <summary><c>latchwork-server</c> as a process of its own. Disposing ends it.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    public const int SigInt = 2, SigTerm = 15;

    // Far more than it takes: only a process that hangs meets it.
    private static readonly TimeSpan _timeout = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly StringBuilder _output = new(), _error = new();
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HttpClientHandler _handler = new() { AllowAutoRedirect = false, UseCookies = false };

    private ServerProcess(Process process)
    {
        _process = process;
        Http = new HttpClient(_handler) { Timeout = _timeout };
        process.OutputDataReceived += (_, line) => Keep(_output, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(_error, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>A client without token and cookies, which follows no redirect.</summary>
    public HttpClient Http { get; }

    public string Output => Read(_output);

    public string Error => Read(_error);

    /// <summary>The token that it has written when it started.</summary>
    public string Token => TokenLine().Match(Error) is { Success: true } line ? line.Groups[1].Value : throw new InvalidOperationException($"There is no token in: {Error}");

    /// <summary>Starts it on a free port, unless the arguments say where it is to listen, and waits until it serves.</summary>
    public static async Task<ServerProcess> StartAsync(params string[] args)
    {
        ServerProcess server = Launch(args.Contains("--urls") ? args : [.. args, "--urls", "http://127.0.0.1:0"]);
        Task ended = server._process.WaitForExitAsync();
        if (await Task.WhenAny(server._address.Task, ended).WaitAsync(_timeout) == ended) throw new InvalidOperationException($"It has ended: {server.Error}");
        server.Http.BaseAddress = await server._address.Task;
        return server;
    }

    /// <summary>Runs it to its end.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] args)
    {
        await using ServerProcess server = Launch(args);
        return (await server.ExitsAsync(), server.Output, server.Error);
    }

    public async Task<int> ExitsAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(_timeout);
        return _process.ExitCode;
    }

    public void Signal(int signal)
    {
        if (NativeKill(_process.Id, signal) != 0) throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    /// <summary>Sends a request with the token, or another credential.</summary>
    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content = null, string? bearer = null, string? cookie = null, string accept = "text/html")
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        request.Headers.Accept.ParseAdd(accept);
        if (bearer is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        if (cookie is not null) request.Headers.Add("Cookie", cookie);
        return await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>Asks the API with the token; with a body it is a change.</summary>
    public async Task<(int Status, JsonElement Body)> ApiAsync(string path, object? body = null, string? bearer = null)
    {
        using HttpContent? content = body is null ? null : JsonContent.Create(body);
        using HttpResponseMessage answer = await SendAsync(body is null ? HttpMethod.Get : HttpMethod.Post, "/latchwork/api/" + path, content, bearer ?? Token);
        return await ApiHost.ReadAsync(answer);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        _handler.Dispose();
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static ServerProcess Launch(string[] args)
    {
        // bin/CONFIGURATION/net10.0, as for this assembly.
        string build = Path.Combine([.. AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar).Split(Path.DirectorySeparatorChar)[^2..]]);
        string program = Docs.PathTo("src", "Latchwork.Server", "bin", build, "Latchwork.Server.dll");
        // Tests that a shell runs in the background ignore Ctrl-C, and what they start would, too.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", program, .. args]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment.Remove("LATCHWORK_STORE");
        // What configures other web applications leaves it alone.
        start.Environment["ASPNETCORE_URLS"] = "http://0.0.0.0:1";
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Development";
        return new ServerProcess(Process.Start(start)!);
    }

    private void Keep(StringBuilder text, string? line)
    {
        if (line is null) return;
        lock (text) text.AppendLine(line);
        if (Dashboard().Match(line) is { Success: true } address) _address.TrySetResult(new Uri(address.Groups[1].Value));
    }

    private static string Read(StringBuilder text)
    {
        lock (text) return text.ToString();
    }

    [GeneratedRegex("dashboard (http://.+)/latchwork/, API ")]
    private static partial Regex Dashboard();

    [GeneratedRegex("the token of this run: ([A-Za-z0-9_-]{43})$", RegexOptions.Multiline)]
    private static partial Regex TokenLine();

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeKill(int pid, int signal);
}
