//! Processes that end too early, are killed, paused, or orphaned.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::Scratch;

fn shell(script: &str, scratch: &Scratch) -> Process {
    Process::new("shell", PathBuf::from("/bin/sh"), scratch.path()).args(["-c", script])
}

#[tokio::test]
async fn a_process_that_ends_before_it_is_ready_is_reported_with_its_log() {
    let scratch = Scratch::new().unwrap();
    let mut process = shell("echo no such flag; exit 3", &scratch);
    process.start().unwrap();
    let error = process
        .ready(Duration::from_secs(30), || async { bail!("not yet") })
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("exit status: 3") && text.contains("no such flag"),
        "{text}"
    );
}

#[tokio::test]
async fn kill_and_start_again_keep_one_log() {
    let scratch = Scratch::new().unwrap();
    let mut process = shell("echo up; exec sleep 600", &scratch);
    for times in 1..=2 {
        process.start().unwrap();
        let log = process.log().to_owned();
        let up = || async {
            let count = fs::read_to_string(&log)?.lines().count();
            ensure!(count == times, "{count} lines");
            Ok(())
        };
        process.ready(Duration::from_secs(30), up).await.unwrap();
        process.kill();
        assert_eq!(process.id(), None);
    }
}

#[tokio::test]
async fn a_paused_process_is_stopped_until_it_is_resumed() {
    let scratch = Scratch::new().unwrap();
    let mut process = shell("exec sleep 600", &scratch);
    process.start().unwrap();
    let status = format!("/proc/{}/status", process.id().unwrap());
    let state = |wanted: &'static str| {
        let status = status.clone();
        move || {
            let text = fs::read_to_string(&status).unwrap_or_default();
            async move {
                ensure!(text.contains(wanted), "{text}");
                Ok(())
            }
        }
    };
    process.pause().unwrap();
    eventually(Duration::from_secs(30), "stopped", state("T (stopped)"))
        .await
        .unwrap();
    process.resume().unwrap();
    eventually(Duration::from_secs(30), "sleeping", state("S (sleeping)"))
        .await
        .unwrap();
    process.stop().await.unwrap();
}

/// Not a test by itself: the one below runs it in a process of its own.
#[tokio::test]
#[ignore = "waits to be killed"]
async fn holds_a_process_until_it_is_killed() {
    // `--include-ignored` runs it as well, with nobody to kill it.
    let Ok(folder) = std::env::var("HELD_IN") else {
        return;
    };
    let mut process = Process::new("held", PathBuf::from("/bin/sh"), Path::new(&folder))
        .args(["-c", "echo $$ > id.new; mv id.new id; exec sleep 600"]);
    process.start().unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_process_ends_when_the_test_that_made_it_is_killed() {
    let scratch = Scratch::new().unwrap();
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "process::tests::holds_a_process_until_it_is_killed",
        ])
        .env("HELD_IN", scratch.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let id = eventually(
        Duration::from_secs(30),
        "it has started its process",
        || async {
            Ok(fs::read_to_string(scratch.path().join("id"))?
                .trim()
                .to_owned())
        },
    );
    let held = PathBuf::from(format!("/proc/{}", id.await.unwrap()));
    assert!(held.exists());
    test.kill().unwrap();
    test.wait().unwrap();
    // A zombie counts as ended: where nothing reaps orphans it stays one.
    eventually(Duration::from_secs(30), "the process is gone", || async {
        let status = fs::read_to_string(held.join("status")).unwrap_or_default();
        ensure!(
            status.is_empty() || status.contains("Z (zombie)"),
            "{status}"
        );
        Ok(())
    })
    .await
    .unwrap();
}
