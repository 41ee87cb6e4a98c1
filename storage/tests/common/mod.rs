//! What the tests share.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use causeway_api::spec::MemberSpec;
use causeway_api::{MemberName, ReplicaId};
use causeway_seam::real::{Folder, env};
use causeway_state::Command;
use causeway_storage::{Consensus, NoPeers, ReplicaNode, Settings, StorageError};

/// How long anything may take on a machine that is busy with other tests.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn member(name: &str) -> Command {
    Command::PutMember(MemberSpec::minimal(MemberName::new(name).unwrap()))
}

pub(crate) fn node() -> ReplicaNode {
    ReplicaNode {
        address: "127.0.0.1:7443".into(),
        domain: "d1".into(),
    }
}

pub(crate) async fn try_open(path: &Path, settings: Settings) -> Result<Consensus, StorageError> {
    let disk = Arc::new(Folder::open(path)?);
    Consensus::open(env(), disk, ReplicaId(1), settings, Arc::new(NoPeers)).await
}

/// Opens, waiting for a process that was dropped to let the folder go.
pub(crate) async fn open(path: &Path, settings: Settings) -> Consensus {
    let deadline = env();
    let start = deadline.now();
    loop {
        match try_open(path, settings.clone()).await {
            Ok(consensus) => return consensus,
            Err(error) if error.to_string().contains("Another process") => {
                assert!(deadline.now().since(start) < LIMIT, "{error}");
                deadline.sleep(Duration::from_millis(5)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn digest(consensus: &Consensus) -> String {
    consensus.read(causeway_state::State::digest_hex)
}
