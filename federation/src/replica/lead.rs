//! What a leader looks after besides planning, and what all replicas do to have a good one: half-done changes of members
//! are ended, those who have caught up get their vote, the level rises, states are compared; the lead goes to the replica
//! that is nearest to the others and leaves one whose disk or network stalls; and the log is as patient as the round trips
//! demand.

use std::sync::Arc;
use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_seam::{Disk, Monotonic};
use causeway_state::command::Command;
use causeway_storage::consensus::DiskPulse;
use causeway_storage::{Change, ReplicaNode, Role, Status, Timing};

use super::among;
use super::shared::Shared;
use crate::peers::PeerLinks;

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(500);

/// How long something must hold before the lead moves for it, or the log's patience changes.
const STEADY: Duration = Duration::from_secs(20);

/// How often states are compared.
const COMPARE: Duration = Duration::from_secs(60);

/// A write to the disk that takes so long is a stall.
const STALL: Duration = Duration::from_millis(1_000);

/// Another replica must be nearer by so much, and by three tenths, to be preferred.
const NEARER: Duration = Duration::from_millis(5);

/// Round trips that must be measured before anything follows from them.
const SAMPLES: usize = 8;

struct Keeper<'a> {
    shared: &'a Shared,
    links: Option<PeerLinks>,
    disk: Arc<dyn Disk>,
    led: bool,
    compared: Monotonic,
    /// Whether this replica's state was said to differ.
    differs: bool,
    /// What is to be done if it holds for long enough, and since when it has.
    move_to: Option<(ReplicaId, Monotonic)>,
    retime: Option<(Timing, Monotonic)>,
}

/// Looks after the lead until it is dropped.
pub(crate) async fn run(shared: Arc<Shared>, links: Option<PeerLinks>, disk: Arc<dyn Disk>) {
    let mut keeper = Keeper {
        compared: shared.env.now(),
        shared: &shared,
        links,
        disk,
        led: false,
        differs: false,
        move_to: None,
        retime: None,
    };
    let mut lead = shared.consensus.membership();
    loop {
        keeper.look().await;
        tokio::select! {
            biased;
            changed = lead.changed() => if changed.is_err() { return },
            () = shared.env.sleep(EVERY) => {}
        }
    }
}

impl Keeper<'_> {
    async fn look(&mut self) {
        let status = self.shared.consensus.status();
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
            self.states(&status).await;
        }
        if leads {
            self.place(&status).await;
        } else {
            self.move_to = None;
        }
        self.patience(&status).await;
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
        let mut common = log.knows_level();
        if let Some(links) = &self.links {
            let hellos = links.hellos();
            for member in &status.members {
                let hello = hellos.iter().find(|hello| hello.replica == member.replica);
                if member.replica != self.shared.id {
                    // Who is not here may be older.
                    common = common.min(hello.map_or(level, |hello| hello.features.newest));
                }
            }
        } else if status.members.len() > 1 {
            common = level;
        }
        if common > level {
            let raised = self
                .shared
                .propose(Command::RaiseLevel { level: common })
                .await;
            tracing::info!(
                level = common,
                ?raised,
                "all replicas know a higher feature level"
            );
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

    /// Passes the lead on where another one is better placed.
    async fn place(&mut self, status: &Status) {
        let log = &self.shared.consensus;
        let others = status.members.iter().filter(|member| member.voter).count() > 1;
        if !others {
            return;
        }
        let why = stall(log.disk(), status.quorum_heard_ms, log.timing());
        if let Some(why) = why {
            if let Some(to) = log.step_aside().await {
                tracing::warn!(%to, why, "the lead is passed on");
            }
            return;
        }
        let nearer = self.nearer(status);
        let now = self.shared.env.now();
        self.move_to = match (nearer, self.move_to) {
            (Some(to), Some((held, since))) if to == held => Some((held, since)),
            (Some(to), _) => Some((to, now)),
            (None, _) => None,
        };
        if let Some((to, since)) = self.move_to
            && now.since(since) > STEADY
        {
            self.move_to = None;
            let passed = log.hand_over(to).await;
            tracing::info!(%to, passed, "the lead goes to the replica that is nearest to the others");
        }
    }

    /// A voter that is clearly nearer to a majority than this one.
    fn nearer(&self, status: &Status) -> Option<ReplicaId> {
        let links = self.links.as_ref()?;
        let micros = |number| Duration::from_micros(u64::from(number));
        let own = micros(links.own().majority_us);
        let progress = self.shared.consensus.progress();
        let seen = links.seen();
        let others = status.members.iter().filter(|member| member.voter);
        let candidates = others.filter_map(|member| {
            let said = links.said(member.replica)?;
            let matched = progress.get(&member.replica)?.matched;
            Some(Candidate {
                replica: member.replica,
                reachable: seen
                    .get(&member.replica)
                    .is_some_and(crate::peers::PeerSeen::reachable),
                lag: status.last_index.checked_sub(matched)?,
                trip: micros(said.majority_us),
                disk: micros(said.disk_us),
            })
        });
        nearest(own, candidates)
    }

    /// Lets the log be as patient as the round trips demand: begun anew in place where that has changed for long enough.
    async fn patience(&mut self, status: &Status) {
        let Some(links) = &self.links else { return };
        let log = &self.shared.consensus;
        let seen = links.seen();
        let mut longest = Duration::ZERO;
        for member in status
            .members
            .iter()
            .filter(|m| m.replica != self.shared.id)
        {
            let Some(other) = seen
                .get(&member.replica)
                .filter(|other| other.samples() >= SAMPLES)
            else {
                // What is not known may be far away.
                self.retime = None;
                return;
            };
            longest = longest.max(other.shortest_trip().unwrap_or_default());
        }
        if status.members.len() < 2 {
            return;
        }
        let (now, wanted) = (self.shared.env.now(), Timing::for_round_trip(longest));
        if !log.timing().yields_to(&wanted) {
            self.retime = None;
            return;
        }
        // A log that is too impatient is a trouble now; one that is too patient is none.
        let urgent = wanted.election_min_ms > log.timing().election_min_ms;
        let limit = if urgent { STEADY / 10 } else { STEADY };
        let since = match self.retime {
            Some((held, since)) if held == wanted => since,
            _ => now,
        };
        self.retime = Some((wanted, since));
        if now.since(since) < limit {
            return;
        }
        self.retime = None;
        if status.role == Role::Leader {
            log.step_aside().await;
        }
        match log.retime(wanted).await {
            Ok(()) => {
                tracing::info!(
                    round_trip = ?longest,
                    heartbeat_ms = wanted.heartbeat_ms,
                    election_min_ms = wanted.election_min_ms,
                    "the log's patience follows the round trips"
                );
                among::keep(&self.shared.env, Arc::clone(&self.disk), wanted).await;
            }
            Err(error) => tracing::error!(%error, "the log did not begin anew"),
        }
    }
}

/// Why a leader is to pass the lead on at once.
fn stall(disk: DiskPulse, quorum_heard_ms: Option<u64>, timing: Timing) -> Option<&'static str> {
    let stalls = |took: Option<Duration>| took.is_some_and(|took| took > STALL);
    if stalls(disk.under_way) || stalls(disk.usual) {
        return Some("its disk stalls");
    }
    let late = quorum_heard_ms.is_some_and(|ms| ms > timing.election_max_ms * 2);
    late.then_some("a majority answers late")
}

/// Another voter that might lead.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    replica: ReplicaId,
    reachable: bool,
    /// Entries that it lacks.
    lag: u64,
    /// Its round trip to a majority; zero: unknown.
    trip: Duration,
    /// How long its disk takes.
    disk: Duration,
}

/// The candidate that is nearest to a majority, if it is clearly nearer than `own`.
fn nearest(own: Duration, candidates: impl Iterator<Item = Candidate>) -> Option<ReplicaId> {
    let better = |it: &Candidate| {
        let nearer = it.trip * 10 < own * 7 && own.saturating_sub(it.trip) > NEARER;
        it.reachable && !it.trip.is_zero() && nearer && it.lag < 100 && it.disk < STALL / 4
    };
    let best = candidates
        .filter(better)
        .min_by_key(|it| (it.trip, it.replica))?;
    Some(best.replica)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn candidate(id: u64, trip: Duration) -> Candidate {
        Candidate {
            replica: ReplicaId(id),
            reachable: true,
            lag: 0,
            trip,
            disk: MS,
        }
    }

    #[test]
    fn the_nearest_that_is_well_is_preferred_and_a_little_nearer_is_not_enough() {
        let nearest = |own, list: &[Candidate]| nearest(own, list.iter().copied());
        let (near, nearer) = (candidate(2, 30 * MS), candidate(3, 20 * MS));
        assert_eq!(nearest(80 * MS, &[near, nearer]), Some(ReplicaId(3)));
        // Seven tenths, and five milliseconds: else the lead would go to and fro.
        assert_eq!(nearest(40 * MS, &[near]), None);
        assert_eq!(nearest(6 * MS, &[candidate(2, 2 * MS)]), None);
        assert_eq!(nearest(Duration::ZERO, &[nearer]), None, "not measured yet");
        assert_eq!(nearest(80 * MS, &[candidate(2, Duration::ZERO)]), None);
        let unwell = [
            Candidate {
                reachable: false,
                ..nearer
            },
            Candidate { lag: 100, ..nearer },
            Candidate {
                disk: STALL,
                ..nearer
            },
        ];
        assert_eq!(nearest(80 * MS, &unwell), None);
        assert_eq!(
            nearest(80 * MS, &[&unwell[..], &[near]].concat()),
            Some(ReplicaId(2))
        );
    }

    #[test]
    fn a_leader_whose_disk_or_majority_stalls_passes_the_lead_on() {
        let well = DiskPulse {
            usual: Some(MS),
            longest: 3 * STALL,
            under_way: Some(STALL / 2),
        };
        let why = |disk, heard| stall(disk, heard, Timing::NEAR);
        assert_eq!(why(well, Some(100)), None, "one slow write is none");
        let hangs = DiskPulse {
            under_way: Some(STALL + MS),
            ..well
        };
        assert_eq!(why(hangs, Some(100)), Some("its disk stalls"));
        let slow = DiskPulse {
            usual: Some(STALL + MS),
            ..well
        };
        assert_eq!(why(slow, Some(100)), Some("its disk stalls"));
        let late = Timing::NEAR.election_max_ms * 2 + 1;
        assert_eq!(why(well, Some(late)), Some("a majority answers late"));
        assert_eq!(why(well, None), None, "alone it needs none");
    }
}
