//! A TLS handshake with the name of a service in it (SNI), as a mesh's proxies begin one with an east-west gateway: the
//! gateway finds its way by that name (Istio's `AUTO_PASSTHROUGH`), so that an answer says more than that a port is open.
//!
//! Whose certificate it is is not checked: it is the mesh's own, and nothing is sent. That a server answers the handshake
//! is what counts; one that then asks for a certificate of ours, and ends it for want of one, has answered.

use std::sync::Arc;

use causeway_api::facts::GatewayAddress;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio_rustls::TlsConnector;

use super::tcp::connect;

/// The protocols that Istio's proxies offer each other.
const ALPN: [&[u8]; 3] = [b"istio-http/1.1", b"istio", b"h2"];

/// Greets servers.
#[derive(Debug, Clone)]
pub(super) struct Client(Option<Arc<ClientConfig>>);

impl Client {
    pub(super) fn new() -> Self {
        let provider = Arc::new(ring::default_provider());
        let versions = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions();
        let config = versions.ok().map(|builder| {
            let anybody = Arc::new(Anybody(provider));
            let mut config = builder
                .dangerous()
                .with_custom_certificate_verifier(anybody)
                .with_no_client_auth();
            config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
            Arc::new(config)
        });
        Self(config)
    }

    /// Shakes hands by any of these names, the first that is answered; by the address itself where there is none.
    pub(super) async fn greet(
        &self,
        address: &GatewayAddress,
        port: u16,
        names: &[String],
    ) -> Result<(), String> {
        let own = [address.to_string()];
        let names = if names.is_empty() { &own[..] } else { names };
        let mut why = String::new();
        for name in names {
            match self.one(address, port, name).await {
                Ok(()) => return Ok(()),
                Err(error) => why = format!("TLS as {name}: {error}"),
            }
        }
        Err(why)
    }

    async fn one(&self, address: &GatewayAddress, port: u16, name: &str) -> Result<(), String> {
        let config = self.0.clone().ok_or("no TLS version in common")?;
        let server = ServerName::try_from(name.to_owned()).map_err(|_| "no such host name")?;
        let stream = connect(address, port).await?;
        match TlsConnector::from(config).connect(server, stream).await {
            Ok(_) => Ok(()),
            Err(error) if wants_a_certificate(&error) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A server of TLS 1.2 ends the handshake where it wants a certificate; one of 1.3 only after it (RFC 8446, section 6.2).
fn wants_a_certificate(error: &std::io::Error) -> bool {
    use rustls::AlertDescription::{BadCertificate, CertificateRequired, HandshakeFailure};
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(
        inner,
        Some(rustls::Error::AlertReceived(
            BadCertificate | CertificateRequired | HandshakeFailure
        ))
    )
}

/// Takes any certificate, but only from who holds its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
