//! When what changed, by this replica's clock: for people. After a restart nothing is remembered, and cluster time has
//! to do.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use causeway_api::MemberName;
use causeway_api::verdict::Subject;
use causeway_seam::{Monotonic, WallClock};
use causeway_state::State;
use causeway_state::outcome::Effect;

use crate::replica::exchange::Elsewhere;
use crate::replica::sessions::lock;

/// What is remembered.
#[derive(Default)]
pub(crate) struct Memory {
    rows: Mutex<Rows>,
}

#[derive(Debug, Clone, Default)]
struct Rows {
    /// When the verdict on a subject changed.
    moved: BTreeMap<Subject, Monotonic>,
    /// When a member's last session ended, or was heard last.
    left: BTreeMap<MemberName, Monotonic>,
}

/// What is remembered, seen from one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ages {
    rows: Rows,
    now: Monotonic,
    /// The time of day.
    pub(crate) wall: WallClock,
}

impl Memory {
    /// Subjects that are remembered at most: more are no clusterset.
    const MAX: usize = 100_000;

    /// A decision changed verdicts.
    pub(crate) fn moved(&self, effect: &Effect, now: Monotonic) {
        if effect.verdicts.is_empty() {
            return;
        }
        let mut rows = lock(&self.rows);
        for (subject, ..) in &effect.verdicts {
            if rows.moved.len() < Self::MAX || rows.moved.contains_key(subject) {
                rows.moved.insert(subject.clone(), now);
            }
        }
    }

    /// A member's session ended.
    pub(crate) fn left(&self, member: &MemberName, now: Monotonic) {
        lock(&self.rows).left.insert(member.clone(), now);
    }

    /// Everything that is remembered, seen from now.
    pub(crate) fn ages(&self, now: Monotonic, wall: WallClock) -> Ages {
        Ages {
            rows: lock(&self.rows).clone(),
            now,
            wall,
        }
    }
}

impl Ages {
    /// Sessions that ended elsewhere, or whose replica is silent, are of the past as well.
    pub(super) fn left_elsewhere(&mut self, sessions: &BTreeMap<MemberName, Elsewhere>) {
        for (member, seen) in sessions {
            let at = match seen.presence.open {
                true => seen.heard,
                false => {
                    let before = Duration::from_millis(seen.presence.for_ms);
                    Monotonic(seen.said.0.saturating_sub(before))
                }
            };
            let left = self.rows.left.entry(member.clone()).or_insert(at);
            *left = at.max(*left);
        }
    }

    /// How long a verdict has held, in milliseconds: as it was seen, else by cluster time, which may have stood still.
    pub(crate) fn verdict_ms(&self, state: &State, subject: &Subject) -> Option<u64> {
        let standing = state.verdicts.standing(subject)?;
        let seen = self.rows.moved.get(subject).map(|at| millis(self.now, *at));
        Some(seen.unwrap_or_else(|| state.cluster_time.since_ms(standing.since)))
    }

    /// How long ago something was, in milliseconds.
    pub(crate) fn since_ms(&self, then: Monotonic) -> u64 {
        millis(self.now, then)
    }

    /// How long ago a member's last session ended, in milliseconds.
    pub(crate) fn left_ms(&self, member: &MemberName) -> Option<u64> {
        self.rows.left.get(member).map(|at| millis(self.now, *at))
    }
}

fn millis(now: Monotonic, then: Monotonic) -> u64 {
    u64::try_from(now.since(then).as_millis()).unwrap_or(u64::MAX)
}
