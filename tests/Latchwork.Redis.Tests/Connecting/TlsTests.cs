using System.Net;
using System.Net.Sockets;
using Latchwork.Redis.Connections;
using Latchwork.Redis.Tests.Support;
using Latchwork.StoreConformance.Support;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace Latchwork.Redis.Tests.Connecting;

/// <summary>TLS against a real server, with certificates made here.</summary>
public sealed class TlsTests : IDisposable
{
    private static readonly RedisScript _echo = new("echo", "return ARGV[1]");
    private readonly TestCertificates _certificates = new();

    public void Dispose() => _certificates.Dispose();

    [Fact]
    public async Task Everything_works_over_TLS()
    {
        await using TlsServer server = await TlsServer.StartAsync(_certificates);
        await using RedisConnection connection = await ConnectAsync(server.Uri(query: $"?ca={_certificates.AuthorityFile}"));
        var heard = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        int restored = 0;
        await using IAsyncDisposable subscription = await connection.SubscribeAsync(
            "channel", m => heard.TrySetResult(System.Text.Encoding.UTF8.GetString(m.Span)), () => Interlocked.Increment(ref restored), default);
        await server.Server.CommandAsync("PUBLISH", "channel", "hello");
        (await heard.Task).ShouldBe("hello");

        // Larger than a record and than every buffer, in both directions immediately, among small ones.
        await Task.WhenAll(Enumerable.Range(0, 16).Select(async i =>
        {
            byte[] payload = new byte[i % 2 == 0 ? i : 500_000 + (i * 100_003)];
            new Random(i).NextBytes(payload);
            (await connection.EvaluateAsync(_echo, [], [payload], default)).Bytes.Span.SequenceEqual(payload).ShouldBeTrue();
        }));

        await server.Server.CommandAsync("CLIENT", "KILL", "TYPE", "pubsub");
        await Eventually.HoldsAsync(() => Volatile.Read(ref restored) == 1, "the subscription is restored");
        (await connection.EvaluateAsync(_echo, [], ["again"], default)).Text.ShouldBe("again");
        connection.Description.ShouldBe($"rediss://127.0.0.1:{server.Port}/0");
    }

    [Fact]
    public async Task A_whole_store_works_over_TLS_with_a_certificate_of_the_client()
    {
        (string certificate, string key) = _certificates.Make("client", []);
        await using TlsServer server = await TlsServer.StartAsync(_certificates, asksClients: true);
        await using RedisStore store = await RedisStore.ConnectAsync(server.Uri("localhost", $"?ca={_certificates.AuthorityFile}&cert={certificate}&key={key}"));
        await using var locker = new ProcessLocker(store);
        (await locker.RunOnceAsync("key", (_, _) => Task.FromResult("done"))).ShouldBe("done");

        // The same in the client's own terms.
        ConfigurationOptions settings = ConfigurationOptions.Parse($"localhost:{server.Port},ssl=true,checkCertificateRevocation=false");
        settings.TrustIssuer(_certificates.AuthorityFile);
        settings.SetUserPemCertificate(certificate, key);
        await using RedisStore other = await RedisStore.ConnectAsync(settings);
        await using var otherLocker = new ProcessLocker(other);
        await using WorkLease lease = await otherLocker.AcquireAsync("other key");
        (await otherLocker.RunOnceAsync("third key", (_, _) => Task.FromResult("done"))).ShouldBe("done");

        LatchworkStoreException none = await FailsAsync(server.Uri(query: $"?ca={_certificates.AuthorityFile}"));
        none.Message.ShouldContain($"rediss://127.0.0.1:{server.Port}");
    }

    [Fact]
    public async Task A_certificate_that_cannot_be_trusted_is_refused_with_the_reason()
    {
        await using TlsServer server = await TlsServer.StartAsync(_certificates);
        LatchworkStoreException unknown = await FailsAsync(server.Uri());
        unknown.Message.ShouldContain("is not trusted");
        unknown.IsTransient.ShouldBeFalse();

        using var others = new TestCertificates();
        (await FailsAsync(server.Uri(query: $"?ca={others.AuthorityFile}"))).Message.ShouldContain("is not trusted");

        await using TlsServer expired = await TlsServer.StartAsync(_certificates, _certificates.Make("expired", ["127.0.0.1"], hasExpired: true));
        (await FailsAsync(expired.Uri(query: $"?ca={_certificates.AuthorityFile}"))).Message.ShouldContain("NotTimeValid");
    }

    [Fact]
    public async Task A_check_of_the_application_holds_beside_its_options_for_TLS()
    {
        await using TlsServer server = await TlsServer.StartAsync(_certificates);
        ConfigurationOptions settings = ConfigurationOptions.Parse($"localhost:{server.Port},ssl=true");
        int asked = 0;
        bool isPinned = true;
        settings.SslClientAuthenticationOptions = static host => new System.Net.Security.SslClientAuthenticationOptions { TargetHost = host };
        settings.CertificateValidation += (_, _, _, _) =>
        {
            Interlocked.Increment(ref asked);
            return Volatile.Read(ref isPinned);
        };
        await using (RedisConnection connection = await RedisConnection.ConnectAsync(settings, new RedisOptions().CheckedCopy(), default))
            (await connection.EvaluateAsync(_echo, [], ["hello"], default)).Text.ShouldBe("hello");
        asked.ShouldBeGreaterThan(0);
        Volatile.Write(ref isPinned, false);
        await Should.ThrowAsync<LatchworkStoreException>(() => RedisConnection.ConnectAsync(settings, new RedisOptions().CheckedCopy(), default));
    }

    [Fact]
    public async Task The_certificate_must_be_for_the_host_that_was_meant()
    {
        await using TlsServer server = await TlsServer.StartAsync(_certificates, _certificates.Make("elsewhere", ["redis.example", "10.1.2.3"]));
        string query = $"?ca={_certificates.AuthorityFile}";
        LatchworkStoreException error = await FailsAsync(server.Uri(query: query));
        error.Message.ShouldContain("CN=elsewhere");
        error.Message.ShouldContain("is not for the host '127.0.0.1'");
        await using RedisConnection connection = await ConnectAsync(server.Uri(query: query + "&tlsHost=redis.example"));
        (await FailsAsync(server.Uri(query: query + "&tlsHost=other.example"))).Message.ShouldContain("'other.example'");
    }

    [Fact]
    public async Task TLS_to_a_port_without_it_and_the_reverse_are_explained()
    {
        await using TlsServer server = await TlsServer.StartAsync(_certificates);
        (await FailsAsync($"rediss://127.0.0.1:{server.Server.Port}?connectTimeout=300ms")).Message.ShouldContain("perhaps its port is one without TLS");
        (await FailsAsync($"redis://127.0.0.1:{server.Port}")).Message.ShouldContain($"redis://127.0.0.1:{server.Port}");
    }

    [Fact]
    public async Task A_server_that_stalls_in_the_handshake_is_given_up()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        LatchworkStoreException error = await FailsAsync($"rediss://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}?connectTimeout=300ms");
        error.Message.ShouldContain("handshake in time");
        error.IsTransient.ShouldBeTrue();
    }

    [Fact]
    public async Task Bytes_that_arrive_one_by_one_make_the_same_messages()
    {
        await using TlsServer server = await TlsServer.StartAsync(_certificates);
        await using var proxy = new FaultyProxy(server.Port) { Piece = 1 };
        await using RedisConnection connection = await ConnectAsync($"rediss://localhost:{proxy.Port}?ca={_certificates.AuthorityFile}&connectTimeout=1m&commandTimeout=1m");
        string text = new('x', 3000);
        for (int i = 0; i < 10; i++)
            (await connection.EvaluateAsync(_echo, [], [text], default)).Text.ShouldBe(text);
    }

    [Fact]
    public async Task A_server_that_stalls_in_the_middle_of_a_record_fails_commands_in_time_and_nothing_else()
    {
        await using TlsServer server = await TlsServer.StartAsync(_certificates);
        await using var proxy = new FaultyProxy(server.Port);
        await using RedisConnection connection = await ConnectAsync($"rediss://localhost:{proxy.Port}?ca={_certificates.AuthorityFile}&commandTimeout=1s&connectTimeout=1m");
        await EchoesAsync(connection, "first");
        proxy.StallAfter(7); // In the header of a record, or just behind it.
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(async () => await connection.EvaluateAsync(_echo, [], ["second"], default));
        error.Outcome.ShouldBe(StoreOutcome.Unknown);
        proxy.Resume();
        await EchoesAsync(connection, "third");
    }

    [Fact]
    public async Task An_authority_that_is_given_replaces_those_of_the_system_and_files_are_read_again_at_each_connection()
    {
        await using TlsServer server = await TlsServer.StartAsync(_certificates);
        using var others = new TestCertificates();
        string file = Path.Combine(Path.GetDirectoryName(_certificates.AuthorityFile)!, "current.pem");
        File.Copy(_certificates.AuthorityFile, file);
        await using RedisConnection connection = await ConnectAsync(server.Uri(query: $"?ca={file}&commandTimeout=1s"));
        await EchoesAsync(connection, "first");

        File.Copy(others.AuthorityFile, file, overwrite: true);
        await server.Server.CommandAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        await Eventually.ReadsAsync(async () => await TryAsync(connection, "second"), static answer => answer.Contains("is not trusted", StringComparison.Ordinal), "it is not trusted any more");

        File.Copy(_certificates.AuthorityFile, file, overwrite: true);
        await EchoesAsync(connection, "third");
    }

    [Theory]
    [InlineData("authority")]
    [InlineData("host")]
    [InlineData("expired")]
    public async Task In_the_clients_own_terms_a_certificate_that_cannot_be_trusted_is_refused_too(string wrong)
    {
        using var others = new TestCertificates();
        string[] hosts = wrong == "host" ? ["redis.example"] : ["127.0.0.1"];
        await using TlsServer server = await TlsServer.StartAsync(_certificates, _certificates.Make("server", hosts, hasExpired: wrong == "expired"));
        ConfigurationOptions settings = ConfigurationOptions.Parse($"127.0.0.1:{server.Port},ssl=true,checkCertificateRevocation=false");
        settings.TrustIssuer(wrong == "authority" ? others.AuthorityFile : _certificates.AuthorityFile);
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => RedisStore.ConnectAsync(settings));
        (error.Outcome, error.IsTransient).ShouldBe((StoreOutcome.NotApplied, false));
        error.Message.ShouldContain("certificate");
        (await server.Server.InfoAsync("stats", "total_commands_processed")).ShouldBeLessThan(10, "nothing but what the test itself has asked");
    }

    // Again and again: a command may fail here.
    private static Task EchoesAsync(RedisConnection connection, string text) =>
        Eventually.ReadsAsync(async () => await TryAsync(connection, text), answer => answer == text, "commands succeed");

    private static async Task<string> TryAsync(RedisConnection connection, string text)
    {
        try
        {
            return (await connection.EvaluateAsync(_echo, [], [text], default)).Text;
        }
        catch (LatchworkStoreException e)
        {
            return e.Message;
        }
    }

    private static Task<RedisConnection> ConnectAsync(string uri) => TestConnection.OpenAsync(uri);

    private static async Task<LatchworkStoreException> FailsAsync(string uri)
    {
        LatchworkStoreException error = await Should.ThrowAsync<LatchworkStoreException>(() => ConnectAsync(uri));
        error.Outcome.ShouldBe(StoreOutcome.NotApplied);
        return error;
    }
}
