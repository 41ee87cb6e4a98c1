//! What `causeway certs` leaves in a folder.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use clap::Parser;

use super::super::files;
use super::*;
use crate::args::{Cli, Command, Connect};

fn typed(dir: &Path, words: &str) -> anyhow::Result<ExitCode> {
    let words = format!("causeway certs {words}");
    let mut words: Vec<String> = words.split(' ').map(ToOwned::to_owned).collect();
    words.extend(["--dir".to_owned(), dir.display().to_string()]);
    match Cli::try_parse_from(words).unwrap().command {
        Command::Certs(args) => run(args),
        other => panic!("{other:?}"),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_operator_gets_a_context_that_can_be_used() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("pki");
    typed(&dir, "init").unwrap();
    typed(&dir, "replica --name r1 --host 127.0.0.1,localhost").unwrap();
    typed(&dir, "agent --member ack").unwrap();
    typed(&dir, "operator --name ada --server localhost:7444").unwrap();

    assert_eq!(mode(&dir), 0o700);
    for name in ["ca", "r1", "ack", "ada"] {
        assert_eq!(mode(&dir.join(format!("{name}-key.pem"))), 0o600, "{name}");
    }
    let connect = Connect {
        context_file: Some(dir.join("ada-context.yaml")),
        ..Connect::default()
    };
    let (context, pems) = files::context(&connect).unwrap();
    assert_eq!(context.server, "localhost:7444");
    crate::certs::tls::client(&pems).unwrap();
    let leaf = crate::certs::tls::certificates("certificate", &pems.certificate)
        .unwrap()
        .remove(0);
    assert_eq!(Identity::of(&leaf).unwrap().to_string(), "operator ada");
}

#[test]
fn nothing_is_overwritten_without_force() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    typed(dir, "init").unwrap();
    typed(dir, "agent --member ack").unwrap();
    let before = fs::read(dir.join("ca-key.pem")).unwrap();
    for words in ["init", "agent --member ack", "replica --name ack --host x"] {
        let error = typed(dir, words).unwrap_err().to_string();
        assert!(
            error.contains("exists already") && error.contains("--force"),
            "{error}"
        );
    }
    assert_eq!(fs::read(dir.join("ca-key.pem")).unwrap(), before);
    // Neither may a certificate replace the authority's files.
    assert!(typed(dir, "agent --member ca --force").is_err());
    assert!(typed(dir, "agent --member ca-key --force").is_err());

    fs::set_permissions(dir.join("ack-key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    typed(dir, "agent --member ack --force").unwrap();
    assert_eq!(
        mode(&dir.join("ack-key.pem")),
        0o600,
        "the mode of what was there must not stay"
    );
    typed(dir, "init --force").unwrap();
    assert_ne!(fs::read(dir.join("ca-key.pem")).unwrap(), before);
}

#[test]
fn without_an_authority_the_error_says_how_to_make_one() {
    let dir = tempfile::tempdir().unwrap();
    let error = typed(dir.path(), "agent --member ack")
        .unwrap_err()
        .to_string();
    assert!(error.contains("causeway certs init --dir"), "{error}");
}
