//! What a verdict rested on: who voted what, and who was not counted and why.

use std::collections::BTreeSet;

use causeway_api::MemberName;
use causeway_api::verdict::{Ballot, ClusterTime, Evidence, Grounds, ObserverId, Subject};

use super::quorum::{Rules, negative_ttl_ms};
use super::votes::{CastVote, VoteBook, Weight};

/// At most so many pieces of evidence are kept with a verdict.
pub const EVIDENCE_ROWS: usize = 32;

/// What a conclusion rests on: votes, and how they were counted.
pub(super) type RestsOn = (Vec<Evidence>, Grounds);

/// The votes on one subject as they count now.
pub(super) fn on_leaf(
    subject: &Subject,
    votes: &VoteBook,
    rules: &Rules,
    now: ClusterTime,
) -> RestsOn {
    some_of_each(&[subject], votes, rules, now, false)
}

/// The votes on all gateways and the sessions of members; each sentence begins with the subject. Where there are more than
/// are kept, some of each subject are, of one observer here and of another one there.
pub(super) fn on_members<'a>(
    names: impl Iterator<Item = &'a MemberName>,
    votes: &'a VoteBook,
    rules: &Rules,
    now: ClusterTime,
) -> RestsOn {
    let leaves: Vec<&Subject> = names.flat_map(|name| votes.leaves_of(name)).collect();
    some_of_each(&leaves, votes, rules, now, true)
}

fn some_of_each(
    leaves: &[&Subject],
    votes: &VoteBook,
    rules: &Rules,
    now: ClusterTime,
    named: bool,
) -> RestsOn {
    let there: Vec<usize> = leaves
        .iter()
        .map(|subject| votes.on(subject).count())
        .collect();
    let kept = evenly(&there, EVIDENCE_ROWS);
    let rows = leaves.iter().zip(there.iter().zip(&kept)).enumerate();
    let evidence: Vec<Evidence> = rows
        .flat_map(|(at, (subject, (there, kept)))| {
            let from = at % (there - kept + 1);
            rows_on(subject, votes, rules, now, named)
                .skip(from)
                .take(*kept)
        })
        .collect();
    let left_out = there.iter().sum::<usize>() - evidence.len();
    let grounds = counted(leaves, votes, rules, now, small(left_out));
    (evidence, grounds)
}

/// Who was counted, over all votes, also those that are left out.
fn counted(
    leaves: &[&Subject],
    votes: &VoteBook,
    rules: &Rules,
    now: ClusterTime,
    left_out: u32,
) -> Grounds {
    let ttl_ms = negative_ttl_ms(&rules.detection);
    let (mut all, mut against, mut domains) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (observer, vote) in leaves.iter().flat_map(|subject| votes.on(subject)) {
        if votes.weight(observer, vote, now, ttl_ms) != Weight::Counts {
            continue;
        }
        all.insert(observer);
        if vote.ballot == Ballot::Unreachable {
            against.insert(observer);
            domains.insert(&vote.domain);
        }
    }
    Grounds {
        counted: small(all.len()),
        against: small(against.len()),
        against_domains: small(domains.len()),
        left_out,
        ..Grounds::default()
    }
}

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// How many of each are taken so that there are at most `most` in all: as many of each as of any other that has so many.
fn evenly(there: &[usize], most: usize) -> Vec<usize> {
    let mut taken = vec![0; there.len()];
    let mut left = most.min(there.iter().sum());
    while left > 0 {
        for (taken, there) in taken.iter_mut().zip(there) {
            if *taken < *there && left > 0 {
                *taken += 1;
                left -= 1;
            }
        }
    }
    taken
}

fn rows_on<'a>(
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
