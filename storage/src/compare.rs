//! Whether this replica holds the same state as the leader: compared at places in the log that both know.
//!
//! A command marks a place: every replica notes the digest of its state there. A later one carries what the leader noted,
//! and every replica compares. Who differs raises an alarm, and goes on: which of the two is wrong, it cannot tell.

use std::collections::VecDeque;

use causeway_state::LogPosition;
use causeway_state::command::Digest;
use serde::{Deserialize, Serialize};

/// How many places are remembered: the leader may change between a mark and its comparison.
const MARKS: usize = 8;

/// This replica's state is not the leader's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// The place in the log.
    pub at: LogPosition,
    /// The digest of this replica's state there, in hexadecimal.
    pub ours: String,
    /// The leader's.
    pub theirs: String,
}

impl std::fmt::Display for Divergence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = |text: &str| text.chars().take(12).collect::<String>();
        write!(
            f,
            "this replica's state differs from the leader's at entry {} of the log ({} here, {} there)",
            self.at.index,
            short(&self.ours),
            short(&self.theirs)
        )
    }
}

/// What was noted and found.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    marks: VecDeque<Digest>,
    agreed: Option<LogPosition>,
    diverged: Option<Divergence>,
    /// Whether anything was decided since the last mark.
    touched: bool,
}

impl Comparison {
    /// Something was decided.
    pub(crate) fn touched(&mut self) {
        self.touched = true;
    }

    /// Whether a mark would tell anything new.
    pub(crate) fn is_touched(&self) -> bool {
        self.touched
    }

    /// A comparison was applied at `at`; `state` is what it left.
    pub(crate) fn compare(
        &mut self,
        at: LogPosition,
        seen: Option<&Digest>,
        mark: bool,
        state: impl FnOnce() -> [u8; 32],
    ) {
        if let Some(theirs) = seen {
            // A replica that started since then, or was behind, has nothing to compare.
            let ours = self.marks.iter().find(|ours| ours.at == theirs.at);
            match ours {
                Some(ours) if ours.sum != theirs.sum => {
                    let found = Divergence {
                        at: theirs.at,
                        ours: causeway_state::digest::hex(&ours.sum),
                        theirs: causeway_state::digest::hex(&theirs.sum),
                    };
                    if self.diverged.is_none() {
                        tracing::error!(
                            "{found}: a defect of Causeway, or damaged memory; stop this replica, keep its data folder for a \
                             report, and let it begin anew from the others (causeway replica remove, then add)"
                        );
                    }
                    self.diverged = Some(found);
                }
                Some(ours) => {
                    self.agreed = Some(ours.at);
                    self.diverged = None;
                }
                None => {}
            }
        }
        if mark {
            self.touched = false;
            self.marks.push_back(Digest { at, sum: state() });
            while self.marks.len() > MARKS {
                self.marks.pop_front();
            }
        }
    }

    /// The whole state was replaced by another replica's.
    pub(crate) fn replaced(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn diverged(&self) -> Option<&Divergence> {
        self.diverged.as_ref()
    }

    pub(crate) fn agreed(&self) -> Option<LogPosition> {
        self.agreed
    }

    /// The last place that was marked and not compared yet.
    pub(crate) fn uncompared(&self) -> Option<Digest> {
        let last = self.marks.back()?;
        let compared = self.agreed.is_some_and(|at| at >= last.at)
            || self
                .diverged
                .as_ref()
                .is_some_and(|found| found.at >= last.at);
        (!compared).then_some(*last)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(index: u64) -> LogPosition {
        LogPosition { term: 1, index }
    }

    #[test]
    fn what_differs_is_found_at_the_next_comparison_and_what_agrees_clears_it() {
        let mut ours = Comparison::default();
        let mut leader = Comparison::default();
        for (comparison, sum) in [(&mut ours, 1), (&mut leader, 2)] {
            comparison.compare(at(5), None, true, || [sum; 32]);
        }
        let seen = leader.uncompared().unwrap();
        assert_eq!(seen.at, at(5));
        for comparison in [&mut ours, &mut leader] {
            comparison.compare(at(9), Some(&seen), true, || [3; 32]);
        }
        let text = ours.diverged().unwrap().to_string();
        assert!(text.contains("entry 5"), "{text}");
        assert!(leader.diverged().is_none() && leader.agreed() == Some(at(5)));

        let seen = leader.uncompared().unwrap();
        ours.compare(at(12), Some(&seen), false, || {
            unreachable!("it is not marked")
        });
        assert!(ours.diverged().is_none());
        assert_eq!(ours.uncompared(), None);
    }

    #[test]
    fn who_was_not_there_compares_nothing() {
        let mut late = Comparison::default();
        let seen = Digest {
            at: at(5),
            sum: [1; 32],
        };
        late.compare(at(9), Some(&seen), true, || [2; 32]);
        assert!(late.diverged().is_none() && late.agreed().is_none());
    }
}
