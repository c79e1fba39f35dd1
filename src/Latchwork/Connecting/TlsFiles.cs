using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Latchwork.Connecting;

/// <summary>
/// TLS as URIs ask for it. The clients of servers have settings for the same, but with them, as with those of StackExchange.Redis, an authority of
/// one's own is trusted besides those of the system, files are read only once, revocation lists are fetched from third parties, and a refusal does
/// not say what is wrong with the certificate.
/// </summary>
/// <param name="authorityFile">The authorities that are trusted instead of those of the system; null for those of the system.</param>
/// <param name="certificateFile">The certificate of the client; null for none. All are PEM files.</param>
/// <param name="keyFile">Its key; null if it is in the same file.</param>
internal sealed class TlsFiles(string? authorityFile, string? certificateFile, string? keyFile)
{
    /// <summary>Called for each connection, so that files can be replaced without a restart.</summary>
    /// <exception cref="AuthenticationException">A file cannot be used.</exception>
    public SslClientAuthenticationOptions For(string host)
    {
        try
        {
            return new SslClientAuthenticationOptions
            {
                TargetHost = host,
                ClientCertificates = ClientCertificates(),
                CertificateChainPolicy = ChainPolicy(),
                RemoteCertificateValidationCallback = (_, certificate, chain, errors) => Check(host, certificate, chain, errors),
            };
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new AuthenticationException($"a certificate or key cannot be used ({e.Message})", e);
        }
    }

    private X509CertificateCollection? ClientCertificates()
    {
        if (certificateFile is null) return null;
        X509Certificate2 certificate = X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
        if (OperatingSystem.IsWindows())
        {
            // There a key that was never stored cannot be used for TLS.
            using X509Certificate2 unstored = certificate;
            certificate = X509CertificateLoader.LoadPkcs12(unstored.Export(X509ContentType.Pkcs12), null);
        }

        return [certificate];
    }

    private X509ChainPolicy ChainPolicy()
    {
        // Nothing is fetched from elsewhere: connecting must not wait for third parties.
        var policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        if (authorityFile is null) return policy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.ImportFromPemFile(authorityFile);
        return policy;
    }

    // The message of what is thrown here is what the caller gets to see.
    private static bool Check(string host, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) =>
        errors == SslPolicyErrors.None ? true : throw new AuthenticationException(Complaint(host, certificate, chain, errors));

    private static string Complaint(string host, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable)) return "it showed no certificate";
        var complaints = new List<string>();
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)) complaints.Add($"its certificate ({certificate.Subject}) is not for the host '{host}'");
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
        {
            IEnumerable<X509ChainStatusFlags> flags = (chain?.ChainStatus ?? []).Select(status => status.Status).Distinct();
            complaints.Add($"its certificate ({certificate.Subject}) is not trusted: {string.Join(", ", flags)}");
        }

        return string.Join("; ", complaints);
    }
}
