//! Our own certificate, looked at before anybody else refuses it.

use std::sync::Arc;

use causeway_seam::WallClock;
use rustls::{ClientConfig, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::certs::tls::{self, Pems};
use crate::certs::{Identity, Role, TlsError};

/// Why our own certificate cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// PEM or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// It is outside its time.
    #[error(
        "the certificate of {who} is valid from {from} until {until}, and now it is {now}: {remedy}"
    )]
    OutOfTime {
        /// Whose.
        who: String,
        /// From when.
        from: String,
        /// Until when.
        until: String,
        /// Now.
        now: String,
        /// What to do.
        remedy: &'static str,
    },
    /// It speaks for somebody else.
    #[error("the certificate is of {found}, and {wanted} is needed: make one with causeway certs")]
    WrongRole {
        /// Whom it is of.
        found: String,
        /// What is needed.
        wanted: &'static str,
    },
}

/// For a replica: HTTP/2, and a certificate of everybody who dials.
pub(super) fn server(pems: &Pems, now: WallClock) -> Result<Arc<ServerConfig>, CertificateError> {
    let mut config = ServerConfig::clone(tls::server(pems)?.as_ref());
    config.alpn_protocols = vec![b"h2".to_vec()];
    check(pems, now, Role::Replica, "one of a replica")?;
    Ok(Arc::new(config))
}

/// For who dials, as `role`.
pub(super) fn client(
    pems: &Pems,
    now: WallClock,
    role: Role,
    wanted: &'static str,
) -> Result<Arc<ClientConfig>, CertificateError> {
    let mut config = ClientConfig::clone(tls::client(pems)?.as_ref());
    config.alpn_protocols = vec![b"h2".to_vec()];
    check(pems, now, role, wanted)?;
    Ok(Arc::new(config))
}

fn check(
    pems: &Pems,
    now: WallClock,
    role: Role,
    wanted: &'static str,
) -> Result<(), CertificateError> {
    let chain = tls::certificates("certificate", &pems.certificate)?;
    let Some(leaf) = chain.first() else {
        return Ok(());
    };
    let identity = Identity::of(leaf);
    let who = identity
        .as_ref()
        .map_or_else(|| "nobody that we know".to_owned(), Identity::to_string);
    if identity.is_none_or(|identity| identity.role != role) {
        return Err(CertificateError::WrongRole { found: who, wanted });
    }
    // rustls took it as a certificate already.
    let Ok((_, parsed)) = X509Certificate::from_der(leaf) else {
        return Ok(());
    };
    let (from, until) = (parsed.validity().not_before, parsed.validity().not_after);
    let seconds = now.0.div_euclid(1_000);
    let remedy = if seconds < from.timestamp() {
        "set this machine's clock, or make a new certificate with causeway certs"
    } else if seconds > until.timestamp() {
        "make a new certificate with causeway certs"
    } else {
        return Ok(());
    };
    let moment = |seconds| {
        jiff::Timestamp::from_second(seconds)
            .map_or_else(|_| seconds.to_string(), |at| at.to_string())
    };
    Err(CertificateError::OutOfTime {
        who,
        from: moment(from.timestamp()),
        until: moment(until.timestamp()),
        now: moment(seconds),
        remedy,
    })
}
