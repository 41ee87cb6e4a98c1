//! Certificates as `causeway certs` makes them.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::ensure;

use super::cli::run;
use crate::Scratch;

/// A folder with an authority and what it signed.
#[derive(Debug, Clone)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// A new authority.
    ///
    /// # Errors
    /// If the binary can't be built, or refuses.
    pub async fn new(scratch: &Scratch, name: &str) -> anyhow::Result<Self> {
        let folder = scratch.path().join(name);
        let certificates = Self { folder };
        certificates.make("init", &[]).await?;
        Ok(certificates)
    }

    /// Another folder with the same authority, for a second certificate of one name.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn beside(&self, scratch: &Scratch, name: &str) -> anyhow::Result<Self> {
        let folder = scratch.folder(name)?;
        for file in ["ca.pem", "ca-key.pem"] {
            std::fs::copy(self.file(file), folder.join(file))?;
        }
        Ok(Self { folder })
    }

    /// Signs: `what` is a subcommand of `causeway certs`, and `arguments` follow it.
    ///
    /// # Errors
    /// If it refuses.
    pub async fn make(&self, what: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let mut all: Vec<OsString> = vec![
            "certs".into(),
            what.into(),
            "--dir".into(),
            self.folder.clone().into(),
        ];
        all.extend(arguments.iter().map(Into::into));
        let said = run(&all, None).await?;
        ensure!(
            said.code == 0,
            "causeway certs {what}: {}{}",
            said.out,
            said.err
        );
        Ok(())
    }

    /// A file in the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The arguments by which a process is given the certificate `name`.
    #[must_use]
    pub fn arguments(&self, name: &str) -> Vec<OsString> {
        [
            ("--tls-ca", "ca.pem".to_owned()),
            ("--tls-cert", format!("{name}.pem")),
            ("--tls-key", format!("{name}-key.pem")),
        ]
        .into_iter()
        .flat_map(|(flag, file)| [flag.into(), self.folder.join(file).into()])
        .collect()
    }
}
