//! What a leader looks after besides planning, and what all replicas do to have a good one: half-done changes of members
//! are ended, those who have caught up get their vote, the level rises, states are compared; the lead goes to the replica
//! that is nearest to the others and leaves one whose disk or network stalls ([`place`]); and the log is as patient as the
//! round trips demand ([`patience`]).

mod patience;
mod place;

use std::sync::Arc;
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_seam::{Disk, Monotonic};
use causeway_state::command::Command;
use causeway_state::level::to_raise;
use causeway_storage::{Change, ReplicaNode, Role, Status};
use tokio::sync::watch;

use self::patience::Pacer;
use self::place::Placer;
use super::shared::Shared;
use crate::peers::PeerLinks;

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(500);

/// How long something must hold before the lead moves for it, or the log's patience changes.
const STEADY: Duration = Duration::from_secs(20);

/// How often states are compared.
const COMPARE: Duration = Duration::from_secs(60);

/// Looks after the lead until it is dropped.
pub(crate) async fn run(shared: Arc<Shared>, links: Option<PeerLinks>, disk: Arc<dyn Disk>) {
    let mut keeper = Keeper {
        compared: shared.env.now(),
        shared: &shared,
        links: links.clone(),
        led: false,
        differs: false,
    };
    let mut placer = Placer {
        shared: &shared,
        links: links.clone(),
        move_to: None,
        unfit: None,
    };
    let mut pacer = Pacer {
        shared: &shared,
        links,
        disk,
        retime: None,
    };
    let lead = shared.consensus.membership();
    let (mut kept, mut placed) = (lead.clone(), lead);
    let keeping = async {
        loop {
            keeper.look(&shared.consensus.status()).await;
            if !next(&shared, &mut kept).await {
                return;
            }
        }
    };
    // Beside the others, whose decisions may wait for the very disk that the lead is to leave.
    let placing = async {
        loop {
            let status = shared.consensus.status();
            placer.look(&status).await;
            pacer.look(&status).await;
            if !next(&shared, &mut placed).await {
                return;
            }
        }
    };
    tokio::join!(keeping, placing);
}

/// Waits until it is to be looked again; `false`: the log is gone.
async fn next<T>(shared: &Shared, lead: &mut watch::Receiver<T>) -> bool {
    tokio::select! {
        biased;
        changed = lead.changed() => changed.is_ok(),
        () = shared.env.sleep(EVERY) => true,
    }
}

/// What a leader looks after.
struct Keeper<'a> {
    shared: &'a Shared,
    links: Option<PeerLinks>,
    led: bool,
    compared: Monotonic,
    /// Whether this replica's state was said to differ.
    differs: bool,
}

impl Keeper<'_> {
    async fn look(&mut self, status: &Status) {
        let leads = status.role == Role::Leader;
        if leads && !self.led {
            tracing::info!(replica = %self.shared.id, term = status.term, "this replica leads");
            // What the one before had not planned or told yet is looked at whole.
            self.shared.brain.all_changed();
            let members: Vec<_> = self
                .shared
                .consensus
                .read(|state| state.members.keys().cloned().collect());
            for member in &members {
                self.shared.brain.declared(member);
            }
            self.shared.any_status_changed();
        } else if self.led && !leads {
            tracing::info!(replica = %self.shared.id, leader = ?status.leader, "this replica leads no longer");
        }
        self.led = leads;
        if leads && self.shared.consensus.is_leader() {
            self.members().await;
            self.states(status).await;
        }
    }

    /// Ends what is half done, and promotes those who have caught up.
    async fn members(&self) {
        let log = &self.shared.consensus;
        match log.settle().await {
            Ok(true) => tracing::info!("a change of voters that was half done is done"),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "a half-done change of voters cannot be ended yet");
            }
        }
        self.places().await;
        self.folders().await;
        for replica in log.ripe() {
            let promote = Change::Promote {
                replica,
                replaces: None,
                accept_domain_risk: false,
            };
            match log.change(promote).await {
                Ok(()) => tracing::info!(%replica, "it has caught up, and votes from now on"),
                Err(error) => tracing::warn!(%replica, %error, "it is not promoted"),
            }
        }
    }

    /// Notes where replicas are that have moved.
    async fn places(&self) {
        let Some(links) = &self.links else { return };
        let log = &self.shared.consensus;
        let mut places: Vec<(ReplicaId, ReplicaNode)> = links
            .hellos()
            .into_iter()
            .map(|hello| {
                let (address, domain) = (hello.addresses.peers, hello.domain);
                (hello.replica, ReplicaNode { address, domain })
            })
            .collect();
        let me = links.me();
        let (address, domain) = (me.addresses.peers.clone(), me.domain.clone());
        places.push((self.shared.id, ReplicaNode { address, domain }));
        for (replica, node) in places
            .into_iter()
            .filter(|(_, node)| !node.address.is_empty())
        {
            match log.relocate(replica, node.clone()).await {
                Ok(true) => tracing::info!(%replica, address = %node.address, "its place is noted"),
                Ok(false) => {}
                Err(error) => tracing::warn!(%replica, %error, "its place is not noted yet"),
            }
        }
    }

    /// Notes the data folders of members who had not been heard of when they were added, or who began the clusterset: from then
    /// on nobody with another folder is taken for them.
    async fn folders(&self) {
        let log = &self.shared.consensus;
        let unknown: Vec<ReplicaId> = log.read(|state| {
            let members = state.replicas.members();
            let unknown = members.filter(|(_, row)| row.folder == 0);
            unknown.map(|(id, _)| id).collect()
        });
        if unknown.is_empty() {
            return;
        }
        let hellos = self.links.as_ref().map(PeerLinks::hellos);
        for replica in unknown {
            let hello = hellos
                .iter()
                .flatten()
                .find(|hello| hello.replica == replica);
            let folder = match replica == self.shared.id {
                true => log.folder(),
                false => hello.map_or(0, |hello| hello.folder),
            };
            if folder == 0 {
                continue;
            }
            let admit = Command::AdmitReplica { replica, folder };
            if let Err(error) = self.shared.propose(admit).await {
                tracing::warn!(%replica, %error, "its data folder is not noted yet");
            }
        }
    }

    /// Raises the level once all know a higher one, and lets all compare their states.
    async fn states(&mut self, status: &Status) {
        let log = &self.shared.consensus;
        let level = log.read(|state| state.feature_level);
        let hellos = self.links.as_ref().map(PeerLinks::hellos);
        let knows = |replica: ReplicaId| {
            if replica == self.shared.id {
                return Some(log.knows_level());
            }
            let mut hellos = hellos.iter().flatten();
            let hello = hellos.find(|hello| hello.replica == replica);
            // Who is not here may be older.
            hello.map(|hello| hello.features.newest)
        };
        let members = status.members.iter().map(|member| member.replica);
        let members = members.map(|replica| (replica, knows(replica)));
        if let Some(level) = to_raise(level, members) {
            let raised = self.shared.propose(Command::RaiseLevel { level }).await;
            tracing::info!(level, ?raised, "all replicas know a higher feature level");
        }
        let now = self.shared.env.now();
        let due = now.since(self.compared) > COMPARE;
        if (due && status.members.len() > 1) || log.is_uncompared() {
            self.compared = now;
            if let Err(error) = log.compare(due).await {
                tracing::warn!(%error, "states are not compared");
            }
        }
        let divergence = log.divergence();
        let said = std::mem::replace(&mut self.differs, divergence.is_some());
        if let Some(found) = divergence.filter(|_| !said) {
            tracing::error!(?found, "this replica's state differs from the leader's");
        }
    }
}
