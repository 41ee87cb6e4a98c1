//! A certificate authority for one test, and what it signs.

use std::net::{IpAddr, Ipv4Addr};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};

/// A certificate and its private key, both PEM.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The certificate, followed by those between it and the root, if any.
    pub certificate: String,
    /// PKCS#8.
    pub key: String,
}

/// A key pair without a certificate, both parts PEM.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// PKCS#8.
    pub private: String,
    /// SubjectPublicKeyInfo.
    pub public: String,
}

/// A root that signs certificates.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: String,
}

impl Authority {
    /// A new root.
    ///
    /// # Errors
    /// If the random source fails.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name, None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let root = params.self_signed(&key)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            root,
        })
    }

    /// The root's certificate, PEM.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// For a server on 127.0.0.1, called `localhost` and what `names` has.
    ///
    /// # Errors
    /// If a name can't be one.
    pub fn server(&self, names: &[&str]) -> anyhow::Result<Credentials> {
        let mut params = leaf(named("server", None));
        params
            .subject_alt_names
            .push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        for name in ["localhost"].iter().chain(names) {
            params
                .subject_alt_names
                .push(SanType::DnsName((*name).try_into()?));
        }
        self.sign(&params)
    }

    /// For a user of a Kubernetes API server, which takes the common name as the user's
    /// name and the organisation as a group.
    ///
    /// # Errors
    /// If the random source fails.
    pub fn user(&self, user: &str, group: Option<&str>) -> anyhow::Result<Credentials> {
        self.sign(&leaf(named(user, group)))
    }

    /// For a workload in a mesh, for example `spiffe://cluster.local/ns/shop/sa/cart`.
    ///
    /// # Errors
    /// If it isn't a URI in ASCII.
    pub fn workload(&self, spiffe_id: &str) -> anyhow::Result<Credentials> {
        let mut params = leaf(DistinguishedName::new());
        params
            .subject_alt_names
            .push(SanType::URI(spiffe_id.try_into()?));
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> anyhow::Result<Credentials> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Credentials {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

/// A key for signing tokens.
///
/// # Errors
/// If the random source fails.
pub fn signing_key() -> anyhow::Result<SigningKey> {
    let key = KeyPair::generate()?;
    Ok(SigningKey {
        private: key.serialize_pem(),
        public: key.public_key_pem(),
    })
}

fn leaf(name: DistinguishedName) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params
}

fn named(common_name: &str, organisation: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    if let Some(organisation) = organisation {
        name.push(DnType::OrganizationName, organisation);
    }
    name
}
