//! Bad input of the controller itself, as processes: data folders that are damaged, in use or somebody else's; ids that are
//! used twice; certificates that are expired or foreign; a command of 100 MiB. Each is refused with the file or the replica
//! and what to do, and whoever is well goes on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use causeway::admin::api::overrides::ReleaseRequest;
use causeway::admin::client::{Client, ClientError};
use causeway::admin::context::Context;
use causeway::certs::tls::{self, Pems};
use causeway::certs::{Authority, Identity, Role as Holder, Validity};
use causeway_chaos_tests::causeway::certificates::Certificates;
use causeway_chaos_tests::causeway::replica::{self, Replica, Role, leader, voters};
use causeway_chaos_tests::{Scratch, eventually};
use causeway_seam::WallClock;

/// What is done to a file's bytes.
type Damage = fn(&mut Vec<u8>);

const DEADLINE: Duration = Duration::from_secs(60);

/// Records of the journal begin so, on borders of 64 bytes behind its first sector.
const RECORD: &[u8] = b"rec\x01";

/// A byte that the first record has, however short it is: behind its head.
const FIRST_BODY: usize = 512 + 26;

/// Describes a replica; it isn't started.
async fn prepare(
    scratch: &Scratch,
    certificates: &Certificates,
    id: u64,
    join: Option<&Replica>,
) -> anyhow::Result<Replica> {
    let role = Role {
        id,
        domain: "eu",
        door: None,
        join: join.map(Replica::peers),
        kubeconfig: None,
        more: &[],
    };
    Replica::prepare(scratch, certificates, replica::ports()?, role).await
}

/// Gives it this data folder at its next start.
fn put_on(replica: &Replica, data: &Path) -> anyhow::Result<()> {
    replica.set_flag("--data-dir", data.to_str().context("a path")?);
    Ok(())
}

fn copy(from: &Path, to: PathBuf) -> anyhow::Result<PathBuf> {
    fs::create_dir(&to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(to)
}

/// Alters a file's content.
fn alter(file: &Path, how: impl FnOnce(&mut Vec<u8>)) -> anyhow::Result<()> {
    let mut content = fs::read(file)?;
    how(&mut content);
    fs::write(file, content)?;
    Ok(())
}

fn flip(content: &mut [u8]) {
    let middle = content.len() / 2;
    content[middle] ^= 0x10;
}

/// Removes the first of the journal's records, which others follow.
fn make_hole(content: &mut [u8]) {
    let records = (512..content.len())
        .step_by(64)
        .filter(|at| content[*at..].starts_with(RECORD));
    let records: Vec<usize> = records.take(2).collect();
    assert_eq!(records.len(), 2, "a replica that was killed leaves some");
    content[records[0]..records[1]].fill(0);
}

fn snapshot_in(folder: &Path) -> anyhow::Result<PathBuf> {
    let files = fs::read_dir(folder)?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut snapshots =
        files.filter(|file| file.extension().is_some_and(|kind| kind == "snapshot"));
    snapshots.next().context("a snapshot")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_folder_that_is_damaged_in_use_or_anothers_is_refused() -> anyhow::Result<()> {
    let scratch = Scratch::new()?;
    let pki = Certificates::new(&scratch, "pki").await?;
    let one = prepare(&scratch, &pki, 1, None).await?;
    one.start()?;
    one.until("it leads", |list| leader(list) == Some("r1"))
        .await?;
    let backup = scratch.path().join("kept.cwbackup");
    let backup = backup.to_str().context("a path")?;
    one.does(&["backup", "create", "--out", backup]).await?;

    // In use; and once it is not, it is another replica's yet.
    let four = prepare(&scratch, &pki, 4, None).await?;
    put_on(&four, &one.data())?;
    four.start()?;
    four.refuses_to_start(&["log.redb", "Another process has it open"])
        .await?;
    ensure!(leader(&one.list().await?) == Some("r1"), "it goes on");
    one.kill();
    // With what it had in the journal: whoever opens the folder carries that over.
    let killed = copy(&one.data(), scratch.path().join("killed"))?;
    four.start()?;
    let owner = "is the data folder of replica r1, and this is replica r4";
    four.refuses_to_start(&[owner, "a data folder of its own"])
        .await?;

    // Damaged, in each of its files. What is said names the folder, so that the cases aren't taken for each other.
    let damages: [(&str, &str, Damage, &str); 5] = [
        ("cut-database", "log.redb", |c| c.truncate(c.len() / 3), ""),
        ("corrupt-database", "log.redb", |c| c[..64].fill(0x5a), ""),
        ("holed-log", "log.journal", |c| make_hole(c), "hole"),
        (
            "flipped-log",
            "log.journal",
            |c| c[FIRST_BODY] ^= 1,
            "damaged",
        ),
        ("cut-log", "log.journal", |c| c.truncate(700), "cut"),
    ];
    for (name, file, how, says) in damages {
        let folder = copy(&killed, scratch.path().join(name))?;
        alter(&folder.join(file), how)?;
        put_on(&one, &folder)?;
        one.start()?;
        let path = format!("{name}/{file}");
        one.refuses_to_start(&[&path, says, "Restore it from a backup"])
            .await?;
    }
    let folder = copy(&killed, scratch.path().join("half-log"))?;
    fs::remove_file(folder.join("log.journal"))?;
    put_on(&one, &folder)?;
    one.start()?;
    one.refuses_to_start(&["half-log/log.journal", "it is not there"])
        .await?;

    // None of that has harmed it.
    put_on(&one, &one.data())?;
    one.start()?;
    one.until("it leads again", |list| leader(list) == Some("r1"))
        .await?;
    one.kill();

    // A flipped byte in a backup, and in the snapshot of what was restored from a whole one.
    let restored = scratch.path().join("restored");
    let into = restored.to_str().context("a path")?;
    let restore = |backup| {
        let to = ["--data-dir", into, "--replica-id", "4"];
        [
            &["backup", "restore", backup][..],
            &to,
            &["--acknowledge-lost-decisions"],
        ]
        .concat()
    };
    let flipped = scratch.path().join("flipped.cwbackup");
    fs::copy(backup, &flipped)?;
    alter(&flipped, |content| flip(content))?;
    let flipped = flipped.to_str().context("a path")?;
    let error = one.refused(&restore(flipped)).await?;
    ensure!(error.contains("flipped.cwbackup"), "{error}");
    one.does(&restore(backup)).await?;
    let folder = copy(&restored, scratch.path().join("flipped-snapshot"))?;
    alter(&snapshot_in(&folder)?, |content| flip(content))?;
    put_on(&four, &folder)?;
    four.start()?;
    four.refuses_to_start(&["flipped-snapshot/", ".snapshot", "checksum"])
        .await?;
    let folder = copy(&restored, scratch.path().join("no-snapshot"))?;
    fs::remove_file(snapshot_in(&folder)?)?;
    put_on(&four, &folder)?;
    four.start()?;
    four.refuses_to_start(&["no-snapshot", "a snapshot is missing"])
        .await?;
    put_on(&four, &restored)?;
    four.start()?;
    four.until("it leads", |list| leader(list) == Some("r4"))
        .await?;
    Ok(())
}

/// A certificate of the folder's authority that was valid for two days, a month ago.
fn expired(certificates: &Certificates, name: &str) -> anyhow::Result<()> {
    let read = |file: &str| fs::read_to_string(certificates.file(file));
    let authority = Authority::from_pair(causeway::certs::Pair {
        certificate_pem: read("ca.pem")?,
        key_pem: read("ca-key.pem")?,
    })?;
    let now = causeway_seam::real::env().wall();
    let validity = Validity {
        now: WallClock(now.0 - 30 * 86_400_000),
        days: 2,
    };
    let identity = Identity::new(Holder::Replica, name.parse()?);
    let pair = authority.sign(&identity, &["127.0.0.1".to_owned()], validity)?;
    fs::write(
        certificates.file(&format!("{name}.pem")),
        pair.certificate_pem,
    )?;
    fs::write(certificates.file(&format!("{name}-key.pem")), pair.key_pem)?;
    Ok(())
}

/// Waits until its log has these words.
async fn logs(replica: &Replica, words: &str) -> anyhow::Result<()> {
    let what = format!("{} says {words:?}", replica.name());
    eventually(DEADLINE, &what, || async {
        let log = replica.log();
        ensure!(log.contains(words), "{log}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_belong_to_a_clusterset_is_refused_and_a_huge_command_too()
-> anyhow::Result<()> {
    let scratch = Scratch::new()?;
    let elsewhere = Scratch::new()?;
    let pki = Certificates::new(&scratch, "pki").await?;
    let one = prepare(&scratch, &pki, 1, None).await?;
    one.start()?;
    one.until("the first leads", |list| leader(list) == Some("r1"))
        .await?;
    let two = prepare(&scratch, &pki, 2, Some(&one)).await?;
    two.start()?;
    one.until("the second waits", |list| {
        list["replicas"][1]["role"] == "waiting"
    })
    .await?;
    one.does(&["replica", "add", "2"]).await?;
    one.until("both vote", |list| voters(list) == [1, 2])
        .await?;

    // Ids that are used twice: of the one that it dials, and of another one. Those who have them notice nothing.
    for (id, says) in [
        (
            1,
            "the id r1 is used twice: another process runs as replica r1",
        ),
        (
            2,
            "the data folder of replica r2 is not the one that it was added with",
        ),
    ] {
        let certificates = pki.beside(&elsewhere, &format!("pki-{id}"))?;
        let twin = prepare(&elsewhere, &certificates, id, Some(&one)).await?;
        twin.start()?;
        logs(&twin, says).await?;
    }

    // Certificates that are foreign, and expired.
    let foreign = Certificates::new(&scratch, "foreign").await?;
    let three = prepare(&scratch, &foreign, 3, Some(&one)).await?;
    three.start()?;
    logs(&three, "is not signed by our authority").await?;
    drop(three);
    let certificates = pki.beside(&elsewhere, "pki-6")?;
    let six = prepare(&elsewhere, &certificates, 6, Some(&one)).await?;
    expired(&certificates, "r6")?;
    six.start()?;
    let says = "the certificate of replica r6 is valid from";
    six.refuses_to_start(&[says, "make a new certificate with causeway certs"])
        .await?;

    // The data folder of the replica of this number of another clusterset.
    let other = Scratch::new()?;
    let theirs = prepare(&other, &pki.beside(&other, "pki-2")?, 2, None).await?;
    theirs.start()?;
    theirs
        .until("it leads its own", |list| leader(list) == Some("r2"))
        .await?;
    theirs.kill();
    two.kill();
    put_on(&two, &theirs.data())?;
    two.start()?;
    logs(&two, "replica r1 belongs to another clusterset than r2").await?;
    one.until("it says why the second is not reached", |list| {
        let note = list["replicas"][1]["note"].as_str().unwrap_or_default();
        note.contains("another clusterset's data folder")
    })
    .await?;
    two.until("it says itself that it is refused there", |list| {
        let note = list["replicas"][0]["note"].as_str().unwrap_or_default();
        note.contains("where it was told to join") && note.contains("another clusterset's")
    })
    .await?;
    two.kill();
    put_on(&two, &two.data())?;
    two.start()?;

    // A command that fits no entry of the log.
    let error = huge_command(&pki, &one).await?;
    ensure!(
        matches!(&error, ClientError::Answered { status: 400, .. })
            && error.to_string().contains("more than 2 MiB"),
        "{error}"
    );

    // Nobody has noticed anything of it.
    let list = one
        .until("both vote yet, and reach each other", |list| {
            voters(list) == [1, 2] && list["replicas"][1]["reachable"] == true
        })
        .await?;
    ensure!(leader(&list).is_some(), "{list:#}");
    one.does(&["replica", "list", "--consistency", "linearizable"])
        .await?;
    Ok(())
}

/// What is said to a command of 100 MiB.
async fn huge_command(pki: &Certificates, replica: &Replica) -> anyhow::Result<ClientError> {
    let file = replica.context();
    let context = Context::parse(&fs::read_to_string(file)?, file).map_err(anyhow::Error::msg)?;
    let pems = Pems {
        ca: fs::read(pki.file("ca.pem"))?,
        certificate: fs::read(&context.certificate)?,
        key: fs::read(&context.key)?,
    };
    let client = Client::new(causeway_seam::real::env(), &context, tls::client(&pems)?);
    let reason = "x".repeat(100 << 20);
    let seen = causeway_api::Generation::default();
    let released = client.release_brake(&ReleaseRequest { seen, reason }).await;
    released.err().context("it was taken")
}
