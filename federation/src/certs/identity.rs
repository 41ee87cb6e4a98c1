//! Who a certificate speaks for: the URI name `spiffe://causeway/ROLE/NAME` among its subject alternative names.
//!
//! The form is SPIFFE's (one URI name, trust domain and path); the trust domain is fixed, since what counts is which
//! authority signed.

use std::fmt;
use std::str::FromStr;

use causeway_api::ids::MemberName;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What a certificate's holder may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Be a controller.
    Replica,
    /// Speak for one member.
    Member,
    /// Ask the admin API.
    Operator,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Replica => "replica",
            Self::Member => "member",
            Self::Operator => "operator",
        }
    }
}

/// Whom a certificate speaks for. All names obey a member's rules: a DNS name of at most 63 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// As what.
    pub role: Role,
    /// Its name.
    pub name: MemberName,
}

impl Identity {
    /// From its parts.
    #[must_use]
    pub fn new(role: Role, name: MemberName) -> Self {
        Self { role, name }
    }

    /// `spiffe://causeway/ROLE/NAME`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("spiffe://causeway/{}/{}", self.role.as_str(), self.name)
    }

    /// What a certificate says: `None` where it has no such name, or several (SPIFFE allows one), or is no X.509.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let names = parsed.subject_alternative_name().ok()??;
        let mut uris = names
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::URI(uri) => Some(*uri),
                _ => None,
            });
        let identity = uris.next()?.parse().ok()?;
        if uris.next().is_some() {
            None
        } else {
            Some(identity)
        }
    }
}

/// `replica r1`, `member ack`, `operator ada`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role.as_str(), self.name)
    }
}

impl FromStr for Identity {
    type Err = String;

    fn from_str(uri: &str) -> Result<Self, String> {
        let error = || {
            let found: String = uri.chars().take(120).collect();
            format!(
                "{found:?} is no identity: expected spiffe://causeway/replica|member|operator/NAME"
            )
        };
        let path = uri.strip_prefix("spiffe://causeway/").ok_or_else(error)?;
        let (role, name) = path.split_once('/').ok_or_else(error)?;
        let role = match role {
            "replica" => Role::Replica,
            "member" => Role::Member,
            "operator" => Role::Operator,
            _ => return Err(error()),
        };
        Ok(Self {
            role,
            name: MemberName::new(name).map_err(|_| error())?,
        })
    }
}
