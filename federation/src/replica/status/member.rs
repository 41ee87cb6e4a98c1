//! The status of a MemberCluster.

use std::collections::BTreeSet;

use causeway_api::facts::MeshFact;
use causeway_api::verdict::{Ballot, ObserverId, Subject};
use causeway_crds::conditions::time;
use causeway_crds::member_cluster::{
    GatewayStatus, MemberClusterStatus, ServiceCounts, Session, Verdict, Versions, ViewStatus,
};
use causeway_failover::verdict::{CastVote, negative_ttl_ms};
use causeway_seam::WallClock;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::conditions::conditions;
use super::look::MemberLook;
use super::mesh::in_the_way;
use super::said;

/// Gateways that a status names at most, as its schema says.
const GATEWAYS: usize = 16;
/// While nothing else changes, the time at which an agent was heard is written anew this often, in seconds.
const HEARD_S: i64 = 300;

/// The status that is to be written. `before` is the one that is there: times move only with what they are about.
pub(super) fn status(
    look: &MemberLook<'_>,
    before: &MemberClusterStatus,
    now: WallClock,
) -> MemberClusterStatus {
    let fact = look.fact();
    let placement = look.placement();
    let generation = look.row.and_then(|row| row.generation());
    let mut status = MemberClusterStatus {
        observed_generation: generation,
        id: placement.map(|placement| placement.cluster_uid.clone()),
        region: look
            .held
            .and_then(|held| held.region())
            .map(ToString::to_string),
        network: look
            .held
            .and_then(|held| held.network())
            .map(ToString::to_string),
        version: fact.map(|fact| Versions {
            kubernetes: short(&fact.kubernetes_version),
            agent: short(
                look.session
                    .map_or(&fact.agent_version, |session| &session.version),
            ),
            protocol: look
                .session
                .and_then(|session| i32::try_from(session.protocol).ok()),
            mesh: (fact.mesh == MeshFact::Istio).then(|| "istio".to_owned()),
        }),
        session: session(look, before.session.as_ref()),
        verdict: verdict(look, before.verdict.as_ref(), now),
        gateways: gateways(look),
        view: view(look).or_else(|| before.view.clone().filter(|_| look.held.is_some())),
        services: look
            .member
            .filter(|_| look.held.is_some())
            .map(|member| ServiceCounts {
                exported: small(look.all.counts.exports_of(member)),
                imported: small(look.all.counts.imports_of(member)),
            }),
        conditions: before.conditions.clone(),
    };
    said::say(&mut status.conditions, &conditions(look), generation, now);
    keep_heard(&mut status, before);
    status
}

fn session(look: &MemberLook<'_>, before: Option<&Session>) -> Option<Session> {
    match look.session {
        Some(session) => Some(Session {
            home: Some(look.all.replica.to_string()),
            epoch: i64::try_from(session.epoch).ok(),
            last_heard_time: Some(time(session.heard_at.0)),
        }),
        // Nobody's home, but when it was heard last is worth knowing.
        None => before.map(|before| Session {
            home: None,
            ..before.clone()
        }),
    }
}

/// A time that moves with every heartbeat is no reason to write.
fn keep_heard(status: &mut MemberClusterStatus, before: &MemberClusterStatus) {
    let (Some(now), Some(old)) = (&mut status.session, &before.session) else {
        return;
    };
    let seconds = |time: &Option<Time>| time.as_ref().map(|time| time.0.as_second());
    let young = match (seconds(&now.last_heard_time), seconds(&old.last_heard_time)) {
        (Some(now), Some(old)) => now - old < HEARD_S,
        _ => false,
    };
    if young && now.home == old.home {
        now.last_heard_time.clone_from(&old.last_heard_time);
    }
}

fn verdict(look: &MemberLook<'_>, before: Option<&Verdict>, now: WallClock) -> Option<Verdict> {
    let member = look.member.filter(|_| look.held.is_some())?;
    let found = look.all.state.verdict(&Subject::Member {
        member: member.clone(),
    })?;
    let state = found.state.to_string();
    let since = match before.filter(|before| before.state == state) {
        Some(before) => before.since.clone(),
        None => Some(time(now.0)),
    };
    let gateways = look.gateways().into_iter().map(|(_, subject, _)| subject);
    let parts = gateways.chain([Subject::Session {
        member: member.clone(),
    }]);
    let votes: Vec<(&ObserverId, &CastVote)> = parts
        .flat_map(|part| look.all.state.votes.on(&part))
        .collect();
    let (now, ttl_ms) = (
        look.all.state.cluster_time,
        negative_ttl_ms(&look.all.state.detection()),
    );
    let counts = |vote: &CastVote| vote.ballot != Ballot::Abstain && !vote.expired(now, ttl_ms);
    let counted = || votes.iter().filter(|(_, vote)| counts(vote));
    let observers: BTreeSet<&ObserverId> = counted().map(|(observer, _)| *observer).collect();
    let domains: BTreeSet<&str> = counted().map(|(_, vote)| vote.domain.as_str()).collect();
    Some(Verdict {
        state,
        since,
        votes: small(
            votes
                .iter()
                .map(|(observer, _)| *observer)
                .collect::<BTreeSet<_>>()
                .len(),
        ),
        counted: small(observers.len()),
        domains: small(domains.len()),
    })
}

fn gateways(look: &MemberLook<'_>) -> Vec<GatewayStatus> {
    let Some(placement) = look.placement() else {
        return Vec::new();
    };
    let row = |(name, subject, _): (String, Subject, _)| {
        let gateway = placement.gateways.get(name.as_str());
        let address = gateway.and_then(|gateway| {
            gateway
                .addresses
                .first()
                .map(|first| format!("{first}:{}", gateway.port))
        });
        let votes = || look.all.state.votes.on(&subject);
        GatewayStatus {
            address,
            reachable_from: small(
                votes()
                    .filter(|(_, vote)| vote.ballot == Ballot::Reachable)
                    .count(),
            ),
            probed_from: small(votes().count()),
            name,
        }
    };
    look.gateways()
        .into_iter()
        .take(GATEWAYS)
        .map(row)
        .collect()
}

fn view(look: &MemberLook<'_>) -> Option<ViewStatus> {
    let session = look.session?;
    let applied = session.applied.as_ref();
    let number = |of: fn(&causeway_api::view::Applied) -> u64| {
        applied.map_or(0, |a| i64::try_from(of(a)).unwrap_or(i64::MAX))
    };
    Some(ViewStatus {
        generation: Some(session.sent.to_string()),
        applied_generation: applied.map(|applied| applied.generation.to_string()),
        objects: number(|applied| applied.objects),
        conflicts: number(|a| {
            a.conditions
                .iter()
                .filter(|condition| in_the_way(condition))
                .count() as u64
        }),
        would_change: number(|applied| applied.would_change),
    })
}

/// At most as long as the schema allows.
fn short(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.chars().take(63).collect())
}

fn small<N>(number: N) -> i32
where
    i32: TryFrom<N>,
{
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
#[path = "member_tests.rs"]
mod tests;
