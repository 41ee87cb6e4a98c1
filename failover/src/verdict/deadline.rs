//! When the passing of time alone may next change something.

use causeway_api::verdict::{Ballot, ClusterTime, Subject, VerdictState};

use super::fleet::Fleet;
use super::quorum::{Rules, negative_ttl_ms};
use super::standing::{Standing, Verdicts};
use super::votes::{VoteBook, subject_member};

impl Verdicts {
    /// When the passing of time alone may next change a verdict; `None`: no timer is pending, and no tick is needed. What is held
    /// against subjects decays without ticks ([`Verdicts::forgive`]).
    #[must_use]
    pub fn next_deadline(
        &self,
        votes: &VoteBook,
        fleet: &impl Fleet,
        rules: &Rules,
        now: ClusterTime,
    ) -> Option<ClusterTime> {
        let ttl_ms = negative_ttl_ms(&rules.detection);
        let expiry = |subject: &Subject| {
            let against = votes
                .on(subject)
                .filter(|(observer, vote)| {
                    vote.ballot == Ballot::Unreachable && !votes.is_silent(observer)
                })
                .map(|(_, vote)| vote.at.plus_ms(ttl_ms));
            against.filter(|expiry| *expiry > now).min()
        };
        let verdict = |subject: &Subject, standing: &Standing| match standing.state {
            VerdictState::Recovering => {
                let hold_down_ms = standing.hold_down_ms(rules.hold_down_ms);
                Some(standing.since.plus_ms(hold_down_ms))
                    .filter(|_| !matches!(subject, Subject::Zone { .. } | Subject::Region { .. }))
            }
            VerdictState::Degraded => {
                let hold = standing
                    .against_since
                    .map(|since| since.plus_ms(rules.detection.hold_for_ms));
                hold.into_iter().chain(expiry(subject)).min()
            }
            // Only where somebody reaches it can the silence of those who do not bring it back.
            VerdictState::Lost => {
                let mut all = votes.on(subject);
                let reached = all.any(|(observer, vote)| {
                    vote.ballot == Ballot::Reachable && !votes.is_silent(observer)
                });
                reached.then(|| expiry(subject)).flatten()
            }
            VerdictState::Away => {
                let tolerated = subject_member(subject)
                    .filter(|_| !matches!(subject, Subject::Member { .. }))
                    .and_then(|member| fleet.place(member)?.tolerate_ms);
                tolerated.map(|ms| standing.since.plus_ms(ms))
            }
            VerdictState::Unknown | VerdictState::Serving => None,
        };
        let deadlines = self.standings.iter();
        deadlines
            .filter_map(|(subject, standing)| verdict(subject, standing))
            .min()
    }
}
