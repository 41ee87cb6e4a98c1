//! The binary as a shell sees it: exit codes, what goes to which stream, and no escape sequences in pipes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// Runs the binary with nothing of this machine's configuration.
fn causeway(home: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_causeway"))
        .args(words)
        .env_clear()
        .env("HOME", home)
        .output()
        .unwrap()
}

/// A kubeconfig with one context, `a`.
fn kubeconfig_of(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: a, cluster: {{server: 'http://{server}'}}}}]\n\
         users: [{{name: a, user: {{}}}}]\ncontexts: [{{name: a, context: {{cluster: a, user: a}}}}]\n\
         current-context: a\n"
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn answers_go_to_standard_output_and_help_is_no_failure() {
    let home = tempfile::tempdir().unwrap();
    for (words, expected) in [
        (vec!["version"], "session protocol"),
        (vec!["version", "-o", "json"], "\"protocol\""),
        (vec!["completion", "bash"], "_causeway"),
        (vec!["help-markdown"], "## `causeway status`"),
        (vec!["status", "--help"], "Exit codes"),
    ] {
        let output = causeway(home.path(), &words);
        assert!(output.status.success(), "{words:?}");
        assert!(text(&output.stdout).contains(expected), "{words:?}");
        assert_eq!(text(&output.stderr), "", "{words:?}");
    }
}

#[test]
fn usage_is_2_and_failure_is_1() {
    let home = tempfile::tempdir().unwrap();
    let usage = causeway(home.path(), &["status", "--no-such-flag"]);
    assert_eq!(usage.status.code(), Some(2));
    let missing = causeway(home.path(), &["status"]);
    assert_eq!(missing.status.code(), Some(1));
    let said = text(&missing.stderr);
    assert!(
        said.contains(".config/causeway/context.yaml") && said.contains("causeway sandbox"),
        "{said}"
    );
    assert!(missing.stdout.is_empty());
}

#[test]
fn an_unreachable_controller_is_named_with_a_remedy() {
    let home = tempfile::tempdir().unwrap();
    let pki = home.path().join("pki");
    let dir = pki.to_str().unwrap();
    // A port that is held without listening on it, so that nobody else is given it.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let server = held.local_addr().unwrap().to_string();
    for words in [
        vec!["certs", "init", "--dir", dir],
        vec![
            "certs", "operator", "--dir", dir, "--name", "ada", "--server", &server,
        ],
    ] {
        assert!(causeway(home.path(), &words).status.success(), "{words:?}");
    }
    let context = pki.join("ada-context.yaml");
    let words = ["clusters", "--context-file", context.to_str().unwrap()];
    let output = causeway(home.path(), &words);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains(&server) && said.contains("--admin-listen"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}'), "{said:?}");
}

/// A child that is ended with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn logs_that_no_terminal_shows_are_objects_of_json() {
    let home = tempfile::tempdir().unwrap();
    let pki = home.path().join("pki");
    let dir = pki.to_str().unwrap();
    // A port that is held without listening on it, so that nobody else is given it.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = held.local_addr().unwrap().to_string();
    for words in [
        vec!["certs", "init", "--dir", dir],
        vec!["certs", "agent", "--dir", dir, "--member", "a"],
    ] {
        assert!(causeway(home.path(), &words).status.success(), "{words:?}");
    }
    let kubeconfig = home.path().join("kubeconfig");
    std::fs::write(&kubeconfig, kubeconfig_of(&nobody)).unwrap();
    let file = |name: &str| pki.join(name).to_str().unwrap().to_owned();
    let (data, ca) = (file("data"), file("ca.pem"));
    let (certificate, key) = (file("a.pem"), file("a-key.pem"));
    let agent = Command::new(env!("CARGO_BIN_EXE_causeway"))
        .args(["agent", "--member", "a", "--controllers", &nobody])
        .args(["--kubeconfig", kubeconfig.to_str().unwrap()])
        .args(["--metrics-listen", "127.0.0.1:0", "--data-dir", &data])
        .args(["--tls-ca", &ca, "--tls-cert", &certificate])
        .args(["--tls-key", &key])
        .env_clear()
        .env("HOME", home.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut agent = Running(agent);
    // It cannot reach its API server, and says so.
    let lines = BufReader::new(agent.0.stderr.take().unwrap()).lines();
    for line in lines {
        let line = line.unwrap();
        let said: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        for field in ["timestamp", "level", "target", "message"] {
            assert!(said[field].is_string(), "no {field}: {line}");
        }
        if said["level"] == "WARN" && said["kind"].is_string() && said["error"].is_string() {
            return;
        }
    }
    panic!("it ended without a word of its API server");
}

#[test]
fn observe_names_each_context_that_cannot_be_read_and_then_fails() {
    let home = tempfile::tempdir().unwrap();
    let kubeconfig = home.path().join("kubeconfig");
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    std::fs::write(&kubeconfig, kubeconfig_of(&format!("127.0.0.1:{port}"))).unwrap();
    let file = kubeconfig.to_str().unwrap();
    let output = causeway(
        home.path(),
        &["observe", "--contexts", "a,b", "--kubeconfig", file],
    );
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    assert!(said.contains("no such context; it has a"), "{said}");
    let json = causeway(
        home.path(),
        &[
            "observe",
            "--contexts",
            "a",
            "--kubeconfig",
            file,
            "-o",
            "json",
        ],
    );
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(report["clusters"][0]["error"].is_string(), "{report}");
}
