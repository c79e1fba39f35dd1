using System.Security.Cryptography.X509Certificates;

namespace Latchwork;

/// <summary>
/// The settings of TLS. The server's certificate is always checked: by whom it is signed, until when it is valid, and whether it is for the
/// host that was connected to. There is no setting that accepts any certificate.
/// </summary>
public sealed class RedisTlsOptions
{
    /// <summary>A PEM file with the certificates of the authorities that may have signed the server's certificate. Read at each connect. Default: null, those that the system trusts.</summary>
    public string? AuthorityFile { get; set; }

    /// <summary>The same as certificates; used together with those of the file. Default: null.</summary>
    public X509Certificate2Collection? Authorities { get; set; }

    /// <summary>A PEM file with the certificate that this client shows. Read at each connect, so that it can be replaced. Default: null, none.</summary>
    public string? CertificateFile { get; set; }

    /// <summary>A PEM file with the private key of <see cref="CertificateFile"/>, without a password. Default: null, it is in the certificate's file.</summary>
    public string? KeyFile { get; set; }

    /// <summary>The certificate that this client shows, with its private key; instead of a file. Default: null, none.</summary>
    public X509Certificate2? Certificate { get; set; }

    /// <summary>The name for which the server's certificate must be, and which is asked for (SNI). Default: null, the host that is connected to.</summary>
    public string? HostName { get; set; }

    internal RedisTlsOptions Copy() => (RedisTlsOptions)MemberwiseClone();
}
