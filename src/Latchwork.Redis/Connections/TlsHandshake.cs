using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Latchwork.Redis.Connections;

/// <summary>The server, or the settings, cannot be trusted with a connection: the message says why.</summary>
internal sealed class TlsRefusedException(string message, Exception? cause) : Exception(message, cause);

/// <summary>Agrees on TLS with a server and finds words for what goes wrong.</summary>
internal static class TlsHandshake
{
    /// <exception cref="TlsRefusedException">The server or its certificate cannot be trusted, or does not speak TLS; or a file cannot be read.</exception>
    /// <exception cref="IOException">The connection broke, or time is up.</exception>
    public static void Run(SslStream tls, string host, RedisTlsOptions options)
    {
        string? complaint = null;
        try
        {
            tls.AuthenticateAsClient(new SslClientAuthenticationOptions
            {
                TargetHost = host,
                ClientCertificates = ClientCertificates(options),
                CertificateChainPolicy = ChainPolicy(options),
                RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                {
                    complaint = Complaint(host, certificate, chain, errors);
                    return errors == SslPolicyErrors.None;
                },
            });
        }
        catch (AuthenticationException e)
        {
            throw new TlsRefusedException(complaint ?? $"the TLS handshake failed ({(e.InnerException ?? e).Message}). Is the port one with TLS?", e);
        }
        catch (CryptographicException e)
        {
            throw new TlsRefusedException($"a certificate or key cannot be used ({e.Message})", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or FileNotFoundException or DirectoryNotFoundException)
        {
            throw new TlsRefusedException($"a certificate or key cannot be read ({e.Message})", e);
        }
    }

    private static X509CertificateCollection? ClientCertificates(RedisTlsOptions options)
    {
        if (options.Certificate is { } given)
            return [given];
        if (options.CertificateFile is not { } file)
            return null;
        X509Certificate2 certificate = X509Certificate2.CreateFromPemFile(file, options.KeyFile);
        if (OperatingSystem.IsWindows())
        {
            // There a key that was never stored cannot be used for TLS.
            using X509Certificate2 unstored = certificate;
            certificate = X509CertificateLoader.LoadPkcs12(unstored.Export(X509ContentType.Pkcs12), null);
        }

        return [certificate];
    }

    private static X509ChainPolicy ChainPolicy(RedisTlsOptions options)
    {
        // Nothing is fetched from elsewhere: connecting must not wait for third parties.
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        if (options.AuthorityFile is null && options.Authorities is null)
            return policy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        if (options.AuthorityFile is not null)
            policy.CustomTrustStore.ImportFromPemFile(options.AuthorityFile);
        if (options.Authorities is not null)
            policy.CustomTrustStore.AddRange(options.Authorities);
        return policy;
    }

    private static string? Complaint(string host, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None)
            return null;
        if (certificate is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
            return "it showed no certificate";
        var complaints = new List<string>();
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            complaints.Add($"its certificate ({certificate.Subject}) is not for the host '{host}'");
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
        {
            IEnumerable<X509ChainStatusFlags> flags = (chain?.ChainStatus ?? []).Select(status => status.Status).Distinct();
            complaints.Add($"its certificate ({certificate.Subject}) is not trusted: {string.Join(", ", flags)}");
        }

        return string.Join("; ", complaints);
    }
}
