//! An authority in memory. ECDSA P-256 throughout: every TLS stack speaks it.

use std::time::Duration;

use causeway_seam::WallClock;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};

use super::identity::{Identity, Role};

/// A certificate and its private key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub certificate_pem: String,
    /// The private key (PKCS#8). A secret.
    pub key_pem: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key must not reach a log by accident.
        f.debug_struct("Pair")
            .field("certificate_pem", &self.certificate_pem)
            .finish_non_exhaustive()
    }
}

/// From when and for how long a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Now, as its maker sees it; it is valid from an hour before, since clocks differ.
    pub now: WallClock,
    /// For how many days.
    pub days: u32,
}

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The authority's certificate or key is not readable as such.
    #[error(
        "the authority's {what} is no PEM that can be used: {reason}; make a new one with causeway certs init"
    )]
    BadAuthority {
        /// `certificate` or `key`.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// A host is neither a DNS name nor an address.
    #[error(
        "host {host:?} is neither a DNS name nor an IP address: give it without scheme, port or wildcard"
    )]
    BadHost {
        /// What was given.
        host: String,
    },
    /// The library refused.
    #[error("cannot make the certificate of {who}: {reason}")]
    Refused {
        /// Whose.
        who: String,
        /// Why.
        reason: String,
    },
}

/// Signs certificates.
pub struct Authority {
    pair: Pair,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("pair", &self.pair)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a new one.
    ///
    /// # Errors
    /// [`AuthorityError::Refused`] where the library cannot.
    pub fn generate(validity: Validity) -> Result<Self, AuthorityError> {
        let who = "the authority";
        let key = KeyPair::generate().map_err(refused(who))?;
        let mut params = params("Causeway evaluation CA", validity);
        // Path length 0: it signs leaves, and no further authorities.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(refused(who))?;
        let pair = Pair {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        };
        Ok(Self {
            pair,
            issuer: Issuer::new(params, key),
        })
    }

    /// From what [`Authority::pair`] gave before.
    ///
    /// # Errors
    /// [`AuthorityError::BadAuthority`] where it is not usable.
    pub fn from_pair(pair: Pair) -> Result<Self, AuthorityError> {
        let bad = |what| {
            move |error: rcgen::Error| AuthorityError::BadAuthority {
                what,
                reason: error.to_string(),
            }
        };
        let key = KeyPair::from_pem(&pair.key_pem).map_err(bad("key"))?;
        let issuer =
            Issuer::from_ca_cert_pem(&pair.certificate_pem, key).map_err(bad("certificate"))?;
        Ok(Self { pair, issuer })
    }

    /// Its own certificate and key.
    #[must_use]
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Its certificate: what the others trust.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.pair.certificate_pem
    }

    /// Signs a certificate. Replicas serve under `hosts` (DNS names and addresses); agents and operators only dial.
    ///
    /// # Errors
    /// [`AuthorityError`] where a host is malformed, or the library refuses.
    pub fn sign(
        &self,
        identity: &Identity,
        hosts: &[String],
        validity: Validity,
    ) -> Result<Pair, AuthorityError> {
        let who = identity.to_string();
        let key = KeyPair::generate().map_err(refused(&who))?;
        let mut params = params(&who, validity);
        let uri = Ia5String::try_from(identity.uri()).map_err(refused(&who))?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        for host in hosts {
            params.subject_alt_names.push(host_name(host)?);
        }
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if identity.role == Role::Replica {
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(refused(&who))?;
        Ok(Pair {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

fn refused(who: &str) -> impl Fn(rcgen::Error) -> AuthorityError + use<> {
    let who = who.to_owned();
    move |error| AuthorityError::Refused {
        who: who.clone(),
        reason: error.to_string(),
    }
}

fn params(common_name: &str, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Causeway");
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = Duration::from_millis(u64::try_from(validity.now.0).unwrap_or(0));
    params.not_before = epoch + now.saturating_sub(Duration::from_secs(3600));
    params.not_after = epoch + now + Duration::from_secs(u64::from(validity.days) * 24 * 3600);
    params
}

fn host_name(host: &str) -> Result<SanType, AuthorityError> {
    let bad = || AuthorityError::BadHost {
        host: host.to_owned(),
    };
    if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse() {
        return Ok(SanType::IpAddress(address));
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    // Digits and dots alone are an address gone wrong.
    let has_letter = host.chars().any(|c| c.is_ascii_alphabetic());
    if host.len() > 253 || !has_letter || !host.split('.').all(label) {
        return Err(bad());
    }
    Ia5String::try_from(host.to_owned())
        .map(SanType::DnsName)
        .map_err(|_| bad())
}
