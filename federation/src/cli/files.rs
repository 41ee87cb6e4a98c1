//! The user's own files: contexts and certificates.
#![allow(
    clippy::disallowed_methods,
    reason = "a person's own files, outside any process of a clusterset"
)]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::admin::context::{Context, default_file};
use crate::args::{Connect, TlsArgs};
use crate::certs::tls::Pems;

/// Reads a file; the error names it and says what it is for.
pub(crate) fn read(what: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read the {what} {}", path.display()))
}

/// Certificates of a long-running process.
///
/// # Errors
/// Where a file cannot be read; the message names it.
pub fn pems(args: &TlsArgs) -> anyhow::Result<Pems> {
    Ok(Pems {
        ca: read("authority (--tls-ca)", &args.tls_ca)?,
        certificate: read("certificate (--tls-cert)", &args.tls_cert)?,
        key: read("key (--tls-key)", &args.tls_key)?,
    })
}

/// The context: of the flag or `CAUSEWAY_CONTEXT`, else of the user's configuration folder; with its certificates.
pub(super) fn context(connect: &Connect) -> anyhow::Result<(Context, Pems)> {
    let file = context_file(connect)?;
    let text = read("context", &file)?;
    let text = String::from_utf8(text).with_context(|| format!("{} is no text", file.display()))?;
    let context = Context::parse(&text, &file).map_err(|error| {
        anyhow::anyhow!(
            "{} is no context: {error}\n  It needs server, ca, certificate and key",
            file.display()
        )
    })?;
    let pems = Pems {
        ca: read("authority (ca)", &context.ca)?,
        certificate: read("certificate", &context.certificate)?,
        key: read("key", &context.key)?,
    };
    Ok((context, pems))
}

fn context_file(connect: &Connect) -> anyhow::Result<PathBuf> {
    const REMEDY: &str = "causeway sandbox prints the one that it wrote; causeway certs operator --server HOST:PORT writes \
                          one for a controller of yours";
    if let Some(file) = &connect.context_file {
        if !file.exists() {
            bail!("there is no context file {}\n  {REMEDY}", file.display());
        }
        return Ok(file.clone());
    }
    let folder = |name| std::env::var_os(name).map(PathBuf::from);
    match default_file(folder("XDG_CONFIG_HOME"), folder("HOME")) {
        Some(file) if file.exists() => Ok(file),
        Some(file) => bail!(
            "no controller is named: there is no {}, and neither --context-file nor CAUSEWAY_CONTEXT\n  {REMEDY}",
            file.display()
        ),
        None => {
            bail!("no controller is named: give --context-file or CAUSEWAY_CONTEXT\n  {REMEDY}")
        }
    }
}

/// Creates a folder that only its owner may enter, with its parents; one that exists stays as it is.
pub(super) fn private_folder(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)
        .with_context(|| format!("cannot create the folder {}", path.display()))?;
    let private = fs::Permissions::from_mode(0o700);
    fs::set_permissions(path, private)
        .with_context(|| format!("cannot restrict the folder {}", path.display()))
}

/// Writes a file that only its owner may read. Without `replace` one that exists is an error.
///
/// # Errors
/// Where it exists already, or cannot be written; the message names it.
pub fn write_private(path: &Path, content: &[u8], replace: bool) -> anyhow::Result<()> {
    write(path, content, replace, 0o600)
}

/// Writes a file that everybody may read.
pub(super) fn write_public(path: &Path, content: &[u8], replace: bool) -> anyhow::Result<()> {
    write(path, content, replace, 0o644)
}

fn write(path: &Path, content: &[u8], replace: bool, mode: u32) -> anyhow::Result<()> {
    if replace
        && let Err(error) = fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error).with_context(|| format!("cannot replace {}", path.display()));
    }
    // A new file always: the mode of one that exists would stay as it is, however open.
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    let mut file = match file {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!(
                "{} exists already: use --force to replace it, or another name",
                path.display()
            )
        }
        other => other.with_context(|| format!("cannot create {}", path.display()))?,
    };
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}
