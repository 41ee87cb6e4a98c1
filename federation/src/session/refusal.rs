//! What a failure means, in words that say what to do.

use std::error::Error;

use causeway_seam::transport::TransportError;
use rustls::CertificateError;

/// An error with all that it came from: transports say what happened only at the end of the chain.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = source.source();
    }
    text
}

/// A failed TLS handshake, or what a later read says of it: with TLS 1.3 a client hears of its own certificate's
/// refusal only after its side of the handshake.
pub(super) fn dialling(port: &str, address: &str, error: &(dyn Error + 'static)) -> TransportError {
    let text = chain(error);
    match explain_text(port, &text).or_else(|| explain_certificate(error)) {
        Some(reason) => TransportError::Refused {
            address: address.to_owned(),
            reason,
        },
        None => TransportError::Unreachable {
            address: address.to_owned(),
            reason: text,
        },
    }
}

/// Alerts by which the other side says what it dislikes, and answers that are no TLS at all.
fn explain_text(port: &str, text: &str) -> Option<String> {
    let alert = |names: &[&str]| {
        names
            .iter()
            .any(|name| text.contains(&format!("received fatal alert: {name}")))
    };
    let reason = if alert(&[
        "UnknownCA",
        "BadCertificate",
        "DecryptError",
        "AccessDenied",
    ]) {
        "it does not trust this side's certificate: both must be signed by one authority"
    } else if alert(&["CertificateRequired"]) {
        "it demands a certificate, and none was shown: give one with --tls-cert and --tls-key"
    } else if alert(&["CertificateExpired"]) {
        "this side's certificate has expired: make a new one with causeway certs"
    } else if alert(&["NoApplicationProtocol"]) {
        return Some(format!(
            "it does not serve this protocol: is this the port of {port}?"
        ));
    } else if text.contains("InvalidContentType") || text.contains("corrupt message") {
        return Some(format!(
            "it does not speak TLS: is this the port of {port}?"
        ));
    } else if text.contains("received fatal alert") {
        return Some(format!("it broke off the handshake: {text}"));
    } else {
        return None;
    };
    Some(reason.to_owned())
}

/// What this side dislikes of the other's certificate.
fn explain_certificate(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    let found = loop {
        let error = next?;
        if let Some(found) = tls_error(error) {
            break found;
        }
        next = error.source();
    };
    let rustls::Error::InvalidCertificate(bad) = found else {
        return None;
    };
    Some(match bad {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is not signed by our authority (--tls-ca)".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired: make a new one with causeway certs".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: compare the clocks of both machines".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!(
                "its certificate is for other hosts ({bad}): dial one of those, or make a certificate for this one"
            )
        }
        other => format!("its certificate is refused: {other}"),
    })
}

/// The TLS error in an error, where it is one or an IO error around one.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(found) = error.downcast_ref::<rustls::Error>() {
        return Some(found);
    }
    let io = error.downcast_ref::<std::io::Error>()?;
    io.get_ref()?.downcast_ref::<rustls::Error>()
}
