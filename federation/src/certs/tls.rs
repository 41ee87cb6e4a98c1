//! rustls configurations in which both sides show a certificate of the same authority.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// PEM texts of one process: the authority, its own certificate and key.
#[derive(Clone, PartialEq, Eq)]
pub struct Pems {
    /// The authority (one or several certificates).
    pub ca: Vec<u8>,
    /// The own certificate, with intermediates.
    pub certificate: Vec<u8>,
    /// The own private key. A secret.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Pems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pems").finish_non_exhaustive()
    }
}

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A text holds no PEM of the kind.
    #[error(
        "the {what} holds no usable PEM: {reason}; give a file that begins with -----BEGIN {begins}-----"
    )]
    BadPem {
        /// `authority`, `certificate` or `key`.
        what: &'static str,
        /// Why.
        reason: String,
        /// What it should begin with.
        begins: &'static str,
    },
    /// rustls refuses them.
    #[error(
        "certificate and key cannot be used together: {reason}; make both anew with causeway certs"
    )]
    Refused {
        /// Why.
        reason: String,
    },
}

/// The one provider of this program: with two, rustls panics at first use.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// For a server: demands a certificate of the authority from every client.
///
/// # Errors
/// [`TlsError`] where the PEMs cannot be used.
pub fn server(pems: &Pems) -> Result<Arc<ServerConfig>, TlsError> {
    let roots = Arc::new(roots(pems)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
        .build()
        .map_err(refused)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(pems)?, key(pems)?)
        .map_err(refused)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// For a client: shows its certificate, and trusts servers of the authority under the host that it dials.
///
/// # Errors
/// [`TlsError`] where the PEMs cannot be used.
pub fn client(pems: &Pems) -> Result<Arc<ClientConfig>, TlsError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_root_certificates(roots(pems)?)
        .with_client_auth_cert(chain(pems)?, key(pems)?)
        .map_err(refused)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[allow(clippy::needless_pass_by_value, reason = "an argument of map_err")]
fn refused(error: impl ToString) -> TlsError {
    TlsError::Refused {
        reason: error.to_string(),
    }
}

fn roots(pems: &Pems) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("authority", &pems.ca)? {
        roots.add(certificate).map_err(refused)?;
    }
    Ok(roots)
}

fn chain(pems: &Pems) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    certificates("certificate", &pems.certificate)
}

/// All certificates in a PEM text; at least one.
pub(crate) fn certificates(
    what: &'static str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bad = |reason: String| TlsError::BadPem {
        what,
        reason,
        begins: "CERTIFICATE",
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| bad(error.to_string()))?;
    if found.is_empty() {
        Err(bad("it holds no certificate".to_owned()))
    } else {
        Ok(found)
    }
}

fn key(pems: &Pems) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&pems.key).map_err(|error| TlsError::BadPem {
        what: "key",
        reason: error.to_string(),
        begins: "PRIVATE KEY",
    })
}
