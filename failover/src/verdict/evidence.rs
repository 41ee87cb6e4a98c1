//! What a verdict rested on: who voted what, and who was not counted and why.

use causeway_api::MemberName;
use causeway_api::verdict::{ClusterTime, Evidence, ObserverId, Subject};

use super::quorum::{Rules, negative_ttl_ms};
use super::votes::{CastVote, VoteBook, Weight};

/// At most so many pieces of evidence are kept with a verdict.
pub const EVIDENCE_ROWS: usize = 32;

/// The votes on one subject as they count now.
pub(super) fn on_leaf(
    subject: &Subject,
    votes: &VoteBook,
    rules: &Rules,
    now: ClusterTime,
) -> Vec<Evidence> {
    rows(subject, votes, rules, now, false)
        .take(EVIDENCE_ROWS)
        .collect()
}

/// The votes on all gateways and the session of a member; each sentence begins with the subject.
pub(super) fn on_member<'a>(
    name: &'a MemberName,
    votes: &'a VoteBook,
    rules: &Rules,
    now: ClusterTime,
) -> impl Iterator<Item = Evidence> + use<'a> {
    let rules = *rules;
    votes
        .leaves_of(name)
        .flat_map(move |subject| rows(subject, votes, &rules, now, true))
}

fn rows<'a>(
    subject: &'a Subject,
    votes: &'a VoteBook,
    rules: &Rules,
    now: ClusterTime,
    named: bool,
) -> impl Iterator<Item = Evidence> + use<'a> {
    let ttl_ms = negative_ttl_ms(&rules.detection);
    let begins = if named {
        format!("{subject}: ")
    } else {
        String::new()
    };
    let row = move |(observer, vote): (&ObserverId, &CastVote)| Evidence {
        observer: observer.clone(),
        domain: vote.domain.clone(),
        ballot: vote.ballot,
        at: vote.at,
        evidence: [begins.as_str(), vote.evidence.as_str()].concat(),
        not_counted: why_not(votes.weight(observer, vote, now, ttl_ms), vote, ttl_ms),
    };
    votes.on(subject).map(row)
}

fn why_not(weight: Weight, vote: &CastVote, ttl_ms: u64) -> Option<String> {
    Some(match weight {
        Weight::Counts => return None,
        Weight::Abstains if vote.reached => {
            "abstains, and is counted among those who could tell: it reached it before".to_owned()
        }
        Weight::Abstains => "abstains: it never reached it".to_owned(),
        Weight::Silent => {
            "the leader has not heard of it for a while; it is counted among those who could tell"
                .to_owned()
        }
        Weight::AgentUnheard => "no replica hears its agent's session".to_owned(),
        Weight::Expired => format!("expired: not renewed for {} s", ttl_ms / 1000),
    })
}
