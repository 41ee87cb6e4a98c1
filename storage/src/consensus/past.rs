//! The state as it was: a snapshot from before, and the entries of the log from there on, applied anew.
//!
//! The snapshot before the newest is kept for this, and the entries since: without them nobody could ask in the morning what
//! was known at night, when a snapshot was written in between.

use causeway_api::verdict::ClusterTime;
use causeway_state::{Command, State, snapshot};
use openraft::EntryPayload;

use super::Consensus;
use crate::machine;
use crate::snapshot as snapshots;
use crate::types::{Proposal, StoredMembership};

/// Up to where the log is applied anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// An entry, itself applied.
    Entry(u64),
    /// The last entry by which cluster time had not come further than this.
    Time(ClusterTime),
}

/// The state as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The state.
    pub state: State,
    /// The last entry that it contains.
    pub index: u64,
    /// The first state that can be asked for is that after this entry.
    pub oldest: u64,
}

/// Why it cannot be told how it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PastError {
    /// It was before what the log still has.
    #[error(
        "what was before entry {oldest} is no longer in the log of this replica: it is compacted into a snapshot"
    )]
    Compacted {
        /// The first state that can be asked for is that after this entry.
        oldest: u64,
    },
    /// It has not come to that yet.
    #[error("that was not decided yet: this replica has come to entry {applied}")]
    Ahead {
        /// The last entry that is applied.
        applied: u64,
    },
    /// The disk does not give it.
    #[error("the log cannot be read back: {0}")]
    Unreadable(String),
}

struct Base {
    index: u64,
    state: State,
    membership: StoredMembership,
}

impl Consensus {
    /// The state as it was. Reads from disk and applies thousands of entries: some seconds' work at most, beside everything else.
    ///
    /// # Errors
    /// [`PastError`] where the log does not reach back so far, or has not come so far.
    pub async fn past(&self, until: Until) -> Result<Past, PastError> {
        let this = self.clone();
        let rebuilt = self.inner.env.blocking(move || this.rebuild(until)).await;
        rebuilt.unwrap_or_else(|| Err(PastError::Unreadable("it is stopping".to_owned())))
    }

    fn rebuild(&self, until: Until) -> Result<Past, PastError> {
        let applied = self.inner.shared.position().borrow().index;
        if let Until::Entry(index) = until
            && index > applied
        {
            return Err(PastError::Ahead { applied });
        }
        let bases = self.bases()?;
        let oldest = bases.first().copied().unwrap_or(applied);
        for index in bases.into_iter().rev() {
            let before = match until {
                Until::Entry(wanted) => index <= wanted,
                Until::Time(_) => index <= applied,
            };
            let Some(base) = before.then(|| self.base(index)).transpose()?.flatten() else {
                continue;
            };
            let (end, latest) = match until {
                Until::Entry(wanted) => (wanted, None),
                Until::Time(wanted) if base.state.cluster_time > wanted => continue,
                Until::Time(wanted) => (applied, Some(wanted)),
            };
            let (state, index) = self.apply_on(base, end, latest)?;
            return Ok(Past {
                state,
                index,
                oldest,
            });
        }
        Err(PastError::Compacted { oldest })
    }

    /// After which entries a state is kept whose following entries are in the log, ascending.
    fn bases(&self) -> Result<Vec<u64>, PastError> {
        let purged = self.status().purged;
        let kept = snapshots::indices(self.inner.ground.disk.as_ref());
        let kept = kept.map_err(|error| PastError::Unreadable(error.to_string()))?;
        let beginning = (purged == 0).then_some(0);
        let kept = kept.into_iter().filter(|index| *index >= purged);
        Ok(beginning.into_iter().chain(kept).collect())
    }

    /// `None`: it was removed meanwhile.
    fn base(&self, index: u64) -> Result<Option<Base>, PastError> {
        if index == 0 {
            return Ok(Some(Base {
                index,
                state: State::default(),
                membership: StoredMembership::default(),
            }));
        }
        let found = snapshots::at(self.inner.ground.disk.as_ref(), index);
        let Some(found) = found.map_err(|error| PastError::Unreadable(error.to_string()))? else {
            return Ok(None);
        };
        let state = snapshot::decode(found.state());
        Ok(Some(Base {
            index,
            state: state.map_err(|error| PastError::Unreadable(error.to_string()))?,
            membership: found.meta().last_membership.clone(),
        }))
    }

    /// Applies the entries behind a base up to `end`, or to the last one by which it is not later than `latest`; with the last
    /// that was applied.
    fn apply_on(
        &self,
        base: Base,
        end: u64,
        latest: Option<ClusterTime>,
    ) -> Result<(State, u64), PastError> {
        let Base {
            index: first,
            mut state,
            mut membership,
        } = base;
        // The log begins with entry 0, which says who its first members are.
        let first = if first == 0 { 0 } else { first + 1 };
        for index in first..=end {
            let entry = {
                let life = self.inner.life.lock();
                let life = life.unwrap_or_else(std::sync::PoisonError::into_inner);
                life.entry(index)
            };
            let entry = match entry {
                Some(entry) => entry,
                None if index == 0 => continue,
                None => return Err(gone()),
            };
            match entry.payload {
                EntryPayload::Normal(Proposal(request)) => {
                    let of = membership.membership();
                    // Nothing else lets time pass, and a whole state is not kept for each entry.
                    let passes =
                        latest.filter(|latest| may_pass(&state, &request.command, *latest));
                    let before = passes.map(|latest| (latest, state.clone()));
                    machine::apply_request(&mut state, of, entry.log_id, &request);
                    if let Some((latest, before)) = before
                        && state.cluster_time > latest
                    {
                        return Ok((before, index.saturating_sub(1)));
                    }
                }
                EntryPayload::Membership(found) => {
                    machine::note_members(&mut state, &found, entry.log_id);
                    membership = StoredMembership::new(Some(entry.log_id), found);
                }
                EntryPayload::Blank => {}
            }
        }
        Ok((state, end))
    }
}

/// Whether a command may let more time pass than up to `latest`. It may let less pass than it asks for.
fn may_pass(state: &State, command: &Command, latest: ClusterTime) -> bool {
    match command {
        Command::Tick { elapsed_ms } => state.cluster_time.plus_ms(u64::from(*elapsed_ms)) > latest,
        _ => false,
    }
}

fn gone() -> PastError {
    PastError::Unreadable("it was compacted meanwhile: ask again".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::collections::BTreeMap;
    use std::ops::Range;
    use std::sync::Arc;
    use std::time::Duration;

    use causeway_api::ReplicaId;
    use causeway_seam::real::{Folder, env};

    use super::*;
    use crate::consensus::cluster_tests::{member, node};
    use crate::peers::NoPeers;
    use crate::settings::Settings;

    /// One replica that has decided on members `m0`, `m1`, ... and the state after each of these decisions.
    async fn decided(
        settings: Settings,
        number: u64,
    ) -> (tempfile::TempDir, Consensus, BTreeMap<u64, State>) {
        let temp = tempfile::tempdir().unwrap();
        let disk = Arc::new(Folder::open(temp.path()).unwrap());
        let opened = Consensus::open(env(), disk, ReplicaId(1), settings, Arc::new(NoPeers));
        let replica = opened.await.unwrap();
        replica.bootstrap(node(1)).await.unwrap();
        let mut states = BTreeMap::new();
        grow(&replica, &mut states, 0..number).await;
        (temp, replica, states)
    }

    async fn grow(replica: &Consensus, states: &mut BTreeMap<u64, State>, numbers: Range<u64>) {
        for at in numbers {
            let answer = replica.propose(member(&format!("m{at}"))).await.unwrap();
            states.insert(answer.generation.index, replica.read(State::clone));
        }
    }

    async fn until(what: &str, holds: impl Fn() -> bool) {
        let env = env();
        let start = env.now();
        while !holds() {
            assert!(env.now().since(start) < Duration::from_secs(60), "{what}");
            env.sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_state_of_the_log_is_what_it_was() {
        let (_temp, replica, states) = decided(Settings::default(), 8).await;
        for (index, state) in &states {
            let past = replica.past(Until::Entry(*index)).await.unwrap();
            assert_eq!((&past.state, past.index, past.oldest), (state, *index, 0));
        }
        let last = *states.keys().last().unwrap();
        let ahead = replica.past(Until::Entry(last + 1_000)).await;
        assert!(matches!(ahead, Err(PastError::Ahead { applied }) if applied >= last));
        let (index, request) = (last, replica.entry(last).unwrap().1);
        assert!(matches!(request.command, Command::PutMember(_)), "{index}");
        assert!(replica.entry(last + 1_000).is_none() && replica.entry(0).is_none());
        assert_eq!(replica.oldest_entry(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_found_by_cluster_time_too() {
        let (_temp, replica, _) = decided(Settings::default(), 1).await;
        let tick = || replica.propose(Command::Tick { elapsed_ms: 1_000 });
        let mut after = Vec::new();
        for _ in 0..4 {
            tick().await.unwrap();
            after.push(replica.read(State::clone));
        }
        for state in &after {
            let past = replica.past(Until::Time(state.cluster_time)).await.unwrap();
            assert_eq!(past.state.cluster_time, state.cluster_time);
            let between = Until::Time(state.cluster_time.plus_ms(500));
            assert_eq!(
                replica.past(between).await.unwrap().state.cluster_time,
                state.cluster_time
            );
        }
        let now = replica
            .past(Until::Time(ClusterTime(u64::MAX)))
            .await
            .unwrap();
        assert_eq!(now.state, replica.read(State::clone));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_compacted_is_named_and_one_snapshot_back_is_not() {
        let settings = Settings {
            snapshot_every: 1_000_000,
            keep_entries: 20,
            ..Settings::default()
        };
        let (_temp, replica, mut states) = decided(settings, 10).await;
        for from in [10, 25, 40] {
            let before = replica.bases().unwrap();
            replica.snapshot().await;
            let written = || {
                replica
                    .bases()
                    .is_ok_and(|bases| bases.last() > before.last())
            };
            until("a snapshot", written).await;
            grow(&replica, &mut states, from..from + 15).await;
        }
        until("the log is compacted", || replica.status().purged > 0).await;
        let oldest = *replica.bases().unwrap().first().unwrap();
        assert!(
            oldest > 0 && replica.bases().unwrap().len() == 2,
            "{oldest}: {:?} of {:?}",
            replica.bases(),
            replica.status()
        );
        for (index, state) in &states {
            match replica.past(Until::Entry(*index)).await {
                Ok(past) => assert_eq!((&past.state, past.oldest), (state, oldest)),
                Err(error) => {
                    assert_eq!(error, PastError::Compacted { oldest });
                    assert!(*index < oldest, "{index}");
                }
            }
        }
        let text = replica.past(Until::Entry(2)).await.unwrap_err().to_string();
        assert!(text.contains(&format!("before entry {oldest}")), "{text}");
    }
}
