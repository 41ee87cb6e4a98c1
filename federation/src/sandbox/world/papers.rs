//! Certificates of everybody in the sandbox, from an authority that lives as long as it does, and the operator's files.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use causeway_api::ids::MemberName;
use causeway_seam::{Env, WallClock};

use crate::admin::context::Context;
use crate::certs::tls::Pems;
use crate::certs::{Authority, Identity, Role, Validity};
use crate::cli::write_private;

const DAYS: u32 = 7;
const HOST: &str = "127.0.0.1";

/// Signs.
pub(crate) struct Papers {
    authority: Authority,
    now: WallClock,
}

impl Papers {
    pub(crate) fn new(env: &Env) -> anyhow::Result<Self> {
        let now = env.wall();
        Ok(Self {
            authority: Authority::generate(Validity { now, days: DAYS })?,
            now,
        })
    }

    /// A replica's, such as `r1`.
    pub(crate) fn replica(&self, name: &str) -> anyhow::Result<Pems> {
        self.sign(
            Role::Replica,
            MemberName::new(name)?,
            &[HOST.to_owned(), "localhost".to_owned()],
        )
    }

    pub(crate) fn member(&self, name: &MemberName) -> anyhow::Result<Pems> {
        self.sign(Role::Member, name.clone(), &[])
    }

    /// Writes what the operator's verbs need, and returns the context file. The authority's key is never written.
    pub(crate) fn write_operator(&self, folder: &Path, server: String) -> anyhow::Result<PathBuf> {
        let pems = self.sign(Role::Operator, MemberName::new("operator")?, &[])?;
        let write = |name: &str, content: &[u8]| -> anyhow::Result<PathBuf> {
            let path = folder.join(name);
            write_private(&path, content, true)?;
            Ok(path)
        };
        write("ca.pem", &pems.ca)?;
        write("operator.pem", &pems.certificate)?;
        write("operator-key.pem", &pems.key)?;
        let context = Context {
            server,
            server_name: None,
            ca: "ca.pem".into(),
            certificate: "operator.pem".into(),
            key: "operator-key.pem".into(),
        };
        write("context.yaml", context.to_yaml().as_bytes())
    }

    fn sign(&self, role: Role, name: MemberName, hosts: &[String]) -> anyhow::Result<Pems> {
        let identity = Identity::new(role, name);
        let pair = self
            .authority
            .sign(
                &identity,
                hosts,
                Validity {
                    now: self.now,
                    days: DAYS,
                },
            )
            .with_context(|| format!("the certificate of {identity}"))?;
        Ok(Pems {
            ca: self.authority.certificate_pem().as_bytes().to_vec(),
            certificate: pair.certificate_pem.into_bytes(),
            key: pair.key_pem.into_bytes(),
        })
    }
}
