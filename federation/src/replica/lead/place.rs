//! Where the lead belongs: away from a replica whose disk or network stalls, and at the one that is nearest to the others.
//!
//! This waits for nothing that the disk of this replica is needed for.

use std::time::Duration;

use causeway_api::ReplicaId;
use causeway_seam::Monotonic;
use causeway_storage::consensus::DiskPulse;
use causeway_storage::{Role, Status, Timing};

use super::STEADY;
use crate::peers::PeerLinks;
use crate::replica::shared::Shared;

/// A disk that takes so long is no reason to leave a replica, and one not to choose it.
const SLOW: Duration = Duration::from_millis(250);

/// Another replica must be nearer by so much, and by three tenths, to be preferred.
const NEARER: Duration = Duration::from_millis(5);

/// Puts the lead where it belongs.
pub(super) struct Placer<'a> {
    pub(super) shared: &'a Shared,
    pub(super) links: Option<PeerLinks>,
    /// Where it is to go if that holds for long enough, and since when it has.
    pub(super) move_to: Option<(ReplicaId, Monotonic)>,
    /// Why the lead is to go at once, as was said.
    pub(super) unfit: Option<&'static str>,
}

fn micros(number: u32) -> Duration {
    Duration::from_micros(u64::from(number))
}

impl Placer<'_> {
    pub(super) async fn look(&mut self, status: &Status) {
        match status.role {
            Role::Leader => self.place(status).await,
            _ => (self.move_to, self.unfit) = (None, None),
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
        let said = std::mem::replace(&mut self.unfit, why);
        if let Some(why) = why {
            // Said before it is done: a disk that stalls keeps this replica from hearing who leads then.
            if said != self.unfit {
                tracing::warn!(why, "this replica passes the lead on");
            }
            if let Some(to) = log.step_aside_to(|replica| self.bears(replica)).await {
                tracing::info!(%to, why, "the lead was passed on");
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

    /// Whether a replica's disk would bear the lead, by what it said last.
    fn bears(&self, replica: ReplicaId) -> bool {
        let said = self.links.as_ref().and_then(|links| links.said(replica));
        said.is_none_or(|said| !DiskPulse::is_stall(micros(said.disk_us)))
    }
}

/// Why a leader is to pass the lead on at once.
fn stall(disk: DiskPulse, quorum_heard_ms: Option<u64>, timing: Timing) -> Option<&'static str> {
    if disk.stalls() {
        return Some("its disk stalls");
    }
    if disk.refuses {
        return Some("its disk takes no write");
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
        it.reachable && !it.trip.is_zero() && nearer && it.lag < 100 && it.disk < SLOW
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

    const STALL: Duration = Duration::from_secs(1);

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
                disk: SLOW,
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
            refuses: false,
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
        let refuses = DiskPulse {
            refuses: true,
            ..well
        };
        assert_eq!(why(refuses, Some(100)), Some("its disk takes no write"));
        let late = Timing::NEAR.election_max_ms * 2 + 1;
        assert_eq!(why(well, Some(late)), Some("a majority answers late"));
        assert_eq!(why(well, None), None, "alone it needs none");
    }
}
