//! `causeway certs`: an authority and certificates in a folder, for evaluation.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::ask::print;
use super::files::{private_folder, read, write_private, write_public};
use crate::admin::context::Context;
use crate::args::certs::CertsFolder;
use crate::args::{CertsArgs, CertsCommand};
use crate::certs::{Authority, Identity, Pair, Role, Validity};

const NOT_FOR_PRODUCTION: &str =
    "For evaluation: the authority's key lies unencrypted in that folder.";

pub(super) fn run(args: CertsArgs) -> anyhow::Result<ExitCode> {
    let said = match args.command {
        CertsCommand::Init { folder } => init(&folder)?,
        CertsCommand::Replica {
            folder,
            name,
            hosts,
        } => replica(&folder, &Identity::new(Role::Replica, name), &hosts)?,
        CertsCommand::Agent { folder, member } => {
            agent(&folder, &Identity::new(Role::Member, member))?
        }
        CertsCommand::Operator {
            folder,
            name,
            server,
        } => operator(&folder, &Identity::new(Role::Operator, name), server)?,
    };
    print(&said)?;
    Ok(ExitCode::SUCCESS)
}

fn validity(folder: &CertsFolder) -> Validity {
    Validity {
        now: causeway_seam::real::env().wall(),
        days: folder.days,
    }
}

fn init(folder: &CertsFolder) -> anyhow::Result<String> {
    let authority = Authority::generate(validity(folder))?;
    private_folder(&folder.dir)?;
    let (ca, key) = files(&folder.dir, "ca");
    refuse_existing(folder, &[&ca, &key])?;
    write_pair(folder, "ca", authority.pair())?;
    let dir = folder.dir.display();
    Ok(format!(
        "wrote {}\nwrote {}  (secret)\n{NOT_FOR_PRODUCTION}\n\nNext:\n  \
         causeway certs replica --dir {dir} --name r1 --host 127.0.0.1 --host localhost\n  \
         causeway certs agent --dir {dir} --member NAME\n  \
         causeway certs operator --dir {dir} --name $USER --server 127.0.0.1:7444\n",
        ca.display(),
        key.display()
    ))
}

fn replica(folder: &CertsFolder, who: &Identity, hosts: &[String]) -> anyhow::Result<String> {
    let said = sign(folder, who, hosts)?;
    let (certificate, key) = files(&folder.dir, who.name.as_str());
    Ok(format!(
        "{said}\nNext:\n  causeway controller --tls-ca {} --tls-cert {} --tls-key {}\n",
        folder.dir.join("ca.pem").display(),
        certificate.display(),
        key.display()
    ))
}

fn agent(folder: &CertsFolder, who: &Identity) -> anyhow::Result<String> {
    let said = sign(folder, who, &[])?;
    let (certificate, key) = files(&folder.dir, who.name.as_str());
    Ok(format!(
        "{said}\nNext:\n  causeway agent --member {} --controllers HOST:7443 \\\n      --tls-ca {} --tls-cert {} --tls-key {}\n",
        who.name,
        folder.dir.join("ca.pem").display(),
        certificate.display(),
        key.display()
    ))
}

fn operator(
    folder: &CertsFolder,
    who: &Identity,
    server: Option<String>,
) -> anyhow::Result<String> {
    let file = folder.dir.join(format!("{}-context.yaml", who.name));
    if server.is_some() {
        refuse_existing(folder, &[&file])?;
    }
    let mut said = sign(folder, who, &[])?;
    let Some(server) = server else {
        said.push_str("\nNext: write a context file with server, ca, certificate and key, or give --server HOST:PORT here\n");
        return Ok(said);
    };
    let context = Context {
        server,
        server_name: None,
        ca: "ca.pem".into(),
        certificate: format!("{}.pem", who.name).into(),
        key: format!("{}-key.pem", who.name).into(),
    };
    write_public(&file, context.to_yaml().as_bytes(), folder.force)?;
    said.push_str(&format!(
        "wrote {file}\n\nNext:\n  export CAUSEWAY_CONTEXT={file}\n  causeway status\n",
        file = file.display()
    ));
    Ok(said)
}

/// Signs a certificate with the folder's authority and writes it there.
fn sign(folder: &CertsFolder, who: &Identity, hosts: &[String]) -> anyhow::Result<String> {
    if matches!(who.name.as_str(), "ca" | "ca-key") {
        bail!(
            "{who} would overwrite the authority, whose files are ca.pem and ca-key.pem: choose another name"
        );
    }
    let (certificate, key) = files(&folder.dir, who.name.as_str());
    refuse_existing(folder, &[&certificate, &key])?;
    let authority = open(&folder.dir)?;
    let pair = authority.sign(who, hosts, validity(folder))?;
    write_pair(folder, who.name.as_str(), &pair)?;
    let hosts = if hosts.is_empty() {
        String::new()
    } else {
        format!(", serves as {}", hosts.join(", "))
    };
    Ok(format!(
        "wrote {}  ({}{hosts}, {} days)\nwrote {}  (secret)\n{NOT_FOR_PRODUCTION}\n",
        certificate.display(),
        who.uri(),
        folder.days,
        key.display()
    ))
}

fn open(dir: &Path) -> anyhow::Result<Authority> {
    let (certificate, key) = files(dir, "ca");
    if !certificate.exists() {
        bail!(
            "{} has no authority: make one with causeway certs init --dir {}",
            dir.display(),
            dir.display()
        );
    }
    let text = |what, path: &Path| -> anyhow::Result<String> {
        String::from_utf8(read(what, path)?)
            .with_context(|| format!("{} is no text", path.display()))
    };
    let certificate_pem = text("authority", &certificate)?;
    let key_pem = text("authority's key", &key)?;
    Ok(Authority::from_pair(Pair {
        certificate_pem,
        key_pem,
    })?)
}

fn files(dir: &Path, name: &str) -> (PathBuf, PathBuf) {
    (
        dir.join(format!("{name}.pem")),
        dir.join(format!("{name}-key.pem")),
    )
}

/// Before anything is written, so that a refusal leaves no half of a pair.
fn refuse_existing(folder: &CertsFolder, files: &[&PathBuf]) -> anyhow::Result<()> {
    match files.iter().find(|file| !folder.force && file.exists()) {
        Some(file) => bail!(
            "{} exists already: use --force to replace it, or another folder or name",
            file.display()
        ),
        None => Ok(()),
    }
}

fn write_pair(folder: &CertsFolder, name: &str, pair: &Pair) -> anyhow::Result<()> {
    let (certificate, key) = files(&folder.dir, name);
    write_private(&key, pair.key_pem.as_bytes(), folder.force)?;
    write_public(&certificate, pair.certificate_pem.as_bytes(), folder.force)
}

#[cfg(test)]
mod tests;
